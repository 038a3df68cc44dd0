"""What is read of the memory of programs, and what is left because somebody might never answer."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from epolltop.own_process.pace import Deadline
from epolltop.proc.local_memory import LocalMemory
from tests.waiting import PATIENCE_S

SERVED = Path(__file__).parent.parent / "workloads" / "served.py"
MAPS = """
import ctypes, mmap, sys
made = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
made.write(b"anybody here")
maps = [made]
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        maps.append(mmap.mmap(file.fileno(), 4096, mmap.MAP_PRIVATE))
print(*(ctypes.addressof(ctypes.c_char.from_buffer(each)) for each in maps), flush=True)
sys.stdin.read()
"""
"""Maps memory and files, and tells where."""


def test_there_is_memory_of_no_file_and_of_local_ones() -> None:
    words = ctypes.create_string_buffer(b"what is in memory")
    at = ctypes.addressof(words)
    memory = LocalMemory("/proc", Deadline(PATIENCE_S))
    assert memory.read(os.getpid(), os.getpid(), at, 7) == b"what is"
    assert memory.read(os.getpid(), os.getpid(), 0, 7) == b""
    assert memory.read(os.getpid(), os.getpid(), -7, 7) == b""
    assert LocalMemory("/proc", Deadline(-1)).read(os.getpid(), os.getpid(), at, 7) == b""


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/fuse").exists(), reason="takes root and FUSE")
def test_no_server_of_files_is_waited_for(tmp_path: Path) -> None:
    local, served = tmp_path / "local", tmp_path / "served"
    local.write_bytes(b"on a disk   " * 500)
    served.mkdir()
    program: list[str | Path] = [sys.executable, "-c", MAPS, local, served / "file"]
    command: list[str | Path] = ["unshare", "--mount", sys.executable, SERVED, served, local, *program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        addresses = [int(word) for word in process.stdout.readline().split()]
        server = int(Path(f"{served}.server").read_text(encoding="ascii"))
        os.kill(server, signal.SIGSTOP)
        ends_the_wait = threading.Timer(PATIENCE_S / 3, os.kill, (server, signal.SIGKILL))
        ends_the_wait.start()
        memory = LocalMemory("/proc", Deadline(PATIENCE_S))
        found = [memory.read(process.pid, process.pid, address, 12) for address in addresses]
        assert ends_the_wait.is_alive(), "nobody waits for the server"
        ends_the_wait.cancel()
        os.kill(server, signal.SIGKILL)
    assert found == [b"anybody here", b"on a disk   ", b""]
