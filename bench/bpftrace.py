"""What a person would write instead: bpftrace scripts that print the same events, and time the same calls."""

from __future__ import annotations

import contextlib
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
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
# How long waits and changes of registrations take. Not of epoll_pwait2: kernels before 5.11 have none, and a probe that
# cannot be attached ends the script. Probes are attached in the order of the script: the last one tells that all are.
HISTOGRAMS = """
tracepoint:syscalls:sys_enter_epoll_wait, tracepoint:syscalls:sys_enter_epoll_pwait,
tracepoint:syscalls:sys_enter_epoll_ctl { @entered[tid] = nsecs; }
tracepoint:syscalls:sys_exit_epoll_wait, tracepoint:syscalls:sys_exit_epoll_pwait /@entered[tid]/ {
    @wait_ns = hist(nsecs - @entered[tid]);
    delete(@entered[tid]);
}
tracepoint:syscalls:sys_exit_epoll_ctl /@entered[tid]/ {
    @ctl_ns = hist(nsecs - @entered[tid]);
    delete(@entered[tid]);
}
interval:ms:50 /!@told/ { printf("attached\\n"); @told = 1; }
END { clear(@entered); }
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

    def said(self, words: bytes) -> bool:
        """Whether it has printed them."""
        self._output.seek(0)
        return any(words in line for line in self._output)

    def ready(self, words: bytes, act: Callable[[], object]) -> None:
        """Waits until it has printed them, and acts meanwhile.

        Raises:
            Unmeasurable: it ended, or did not print them in time.
        """
        deadline = time.monotonic() + 20
        while not self.said(words):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._output.seek(0)
                raise Unmeasurable(f"bpftrace: {self._output.read(300).decode(errors='replace').strip()}")
            time.sleep(0.05)
            act()


def attached(*, cpu: int | None = None) -> contextlib.AbstractContextManager[Bpftrace]:
    """The script that prints events, once it sees an instance of our own.

    Raises:
        Unmeasurable: there is no bpftrace, or it does not see it.
    """

    def pairs() -> None:
        for _ in range(_BUFFERFUL):
            select.epoll().close()

    return _running(SCRIPT, "full", b" create ", pairs, cpu)


def timing(*, cpu: int | None = None) -> contextlib.AbstractContextManager[Bpftrace]:
    """The script of histograms, once it is attached.

    Raises:
        Unmeasurable: there is no bpftrace, or it cannot be attached.
    """
    return _running(HISTOGRAMS, "line", b"attached", lambda: None, cpu)


@contextlib.contextmanager
def _running(
    script: str, buffering: str, words: bytes, act: Callable[[], object], cpu: int | None
) -> Iterator[Bpftrace]:
    program = shutil.which("bpftrace")
    if not program:
        raise Unmeasurable("bpftrace is not installed")
    # Two descriptions of one file: bpftrace writes at its own position.
    with tempfile.NamedTemporaryFile() as written, open(written.name, "rb") as output:
        command = pinned([program, "-B", buffering, "-e", script], cpu)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT)
        running = Bpftrace(process, output)
        try:
            running.ready(words, act)
            yield running
        finally:
            running.end()
