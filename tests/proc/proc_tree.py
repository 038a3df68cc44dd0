"""A made-up /proc, and real processes to look at in the true one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from epolltop.model.process import ProcessKey
from epolltop.proc.procfs import Procfs

LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            {soft:<20} 524288               files
Max locked memory         8388608              8388608              bytes
"""

LONG, LONG_FD = 20_000, 9
LONG_LIST = f"""
instance = select.epoll()
os.dup2(instance.fileno(), {LONG_FD})
for pair in range({LONG} // 800):
    target = os.eventfd(0) if hasattr(os, "eventfd") else os.pipe()[0]
    for number in range(200, 1000):  # a copy is watched for as long as its file is open
        os.dup2(target, number)
        instance.register(number)
        os.close(number)
"""
"""A process with an interest list of that length, within 1,024 descriptors."""


class Tree:
    """A made-up /proc. It has no self, so the number of descriptors is counted as before Linux 6.2."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self,
        pid: int,
        comm: bytes = b"worker",
        *,
        start: int = 500,
        state: str = "S",
        threads: int = 1,
        flags: int = 0x400000,
        cmdline: bytes = b"/usr/bin/worker\0--port\x0080\0",
        cgroup: str = "0::/system.slice/worker.service\n",
        names: tuple[int, ...] = (),
        soft: str = "1024",
        links: dict[int, str] | None = None,
    ) -> None:
        directory = self.root / str(pid)
        (directory / "fd").mkdir(parents=True, exist_ok=True)
        for thread in range(pid, pid + threads):
            (directory / "task" / str(thread)).mkdir(parents=True, exist_ok=True)
        numbers = " ".join(str(number) for number in range(23, 53))
        after = f") {state} 7 1 1 0 -1 {flags} 10 11 12 13 14 15 16 17 20 0 {threads} 0 {start} {numbers}\n"
        (directory / "stat").write_bytes(f"{pid} (".encode() + comm + after.encode())
        (directory / "cmdline").write_bytes(cmdline)
        (directory / "cgroup").write_text(cgroup)
        status = f"Name:\tworker\nUmask:\t0022\nGroups:\t0 1 2 \nNSpid:\t{chr(9).join(map(str, names or (pid,)))}\n"
        (directory / "status").write_text(status + f"NSpgid:\t{pid}\n")
        (directory / "limits").write_text(LIMITS.format(soft=soft))
        for fd, target in (links or {}).items():
            (directory / "fd" / str(fd)).symlink_to(target)


@contextmanager
def child(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has run some code, and then waits."""
    program = f"import os, select, sys\n{code}\nos.write(1, b'.')\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1) as process:
        try:
            assert process.stdout
            assert process.stdout.read(1) == b"."
            yield process
        finally:
            process.kill()


def key(pid: int) -> ProcessKey:
    start = Procfs().start_ticks(pid)
    assert start is not None
    return ProcessKey(pid, start)
