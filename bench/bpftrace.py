"""What a person would write instead: a bpftrace script that prints the same events."""

from __future__ import annotations

import contextlib
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import IO

from bench.table import Unmeasurable
from bench.terminal import cpu_ns, pinned

# The release as far as a system call can tell it: a close of a descriptor that creation returned. close_range, exit,
# exec, dup2 and descriptors held elsewhere escape it.
SCRIPT = """
tracepoint:syscalls:sys_exit_epoll_create1 /args->ret >= 0/ {
    printf("%llu create %d %s %d\\n", nsecs, pid, comm, args->ret);
    @open[pid, args->ret] = 1;
}
tracepoint:syscalls:sys_enter_close /@open[pid, (int64)args->fd]/ {
    printf("%llu release %d %s %d\\n", nsecs, pid, comm, args->fd);
    delete(@open[pid, (int64)args->fd]);
}
END { clear(@open); }
"""
_BUFFERFUL = 200
"""Pairs whose lines overflow its output buffer, so that some of them reach the file."""
_LOST = re.compile(rb"Lost (\d+) events")


class Bpftrace:
    """A running bpftrace, its output in a file."""

    def __init__(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        self._process, self._output = process, output

    @property
    def cpu_ns(self) -> int:
        """CPU time so far."""
        return cpu_ns(self._process.pid)

    def end(self) -> None:
        """Lets it print what it has, and end."""
        if self._process.poll() is None:
            self._process.send_signal(2)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def told(self, pids: set[int]) -> int:
        """Events printed of these processes."""
        self._output.seek(0)
        wanted = {str(pid).encode() for pid in pids}
        return sum(fields[2] in wanted for fields in map(bytes.split, self._output) if len(fields) == 5)

    def lost(self) -> int:
        """Events that it says it lost."""
        self._output.seek(0)
        return sum(int(match[1]) for line in self._output for match in [_LOST.search(line)] if match)

    def seen(self) -> bool:
        """Whether it has printed an event."""
        self._output.seek(0)
        return any(b" create " in line for line in self._output)


@contextlib.contextmanager
def attached(*, cpu: int | None = None) -> Iterator[Bpftrace]:
    """The script, once it sees an instance of our own.

    Raises:
        Unmeasurable: there is no bpftrace, or it does not see it.
    """
    program = shutil.which("bpftrace")
    if not program:
        raise Unmeasurable("bpftrace is not installed")
    # Two descriptions of one file: bpftrace writes at its own position.
    with tempfile.NamedTemporaryFile() as written, open(written.name, "rb") as output:
        command = pinned([program, "-B", "full", "-e", SCRIPT], cpu)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT)
        running = Bpftrace(process, output)
        try:
            deadline = time.monotonic() + 20
            while not running.seen():
                if process.poll() is not None or time.monotonic() > deadline:
                    output.seek(0)
                    raise Unmeasurable(f"bpftrace: {output.read(300).decode(errors='replace').strip()}")
                time.sleep(0.05)
                for _ in range(_BUFFERFUL):
                    select.epoll().close()
            yield running
        finally:
            running.end()
