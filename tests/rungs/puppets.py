"""Starts puppets (tests/workloads/puppet.py), has them take steps, and ends them."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.kernel.calls import TGKILL, waits
from tests.waiting import eventually

from .files import Process

PUPPET = Path(__file__).parents[1] / "workloads" / "puppet.py"
_PATIENCE_S = 40.0
_libc = ctypes.CDLL(None, use_errno=True)


class Silent(Exception):
    """A puppet does not answer: its memory is a copy of a process' with threads, and a lock may stay taken."""


class _Channel:
    """Both FIFOs of a puppet, held open in both directions, so that opening them waits for nobody."""

    def __init__(self, directory: str, name: str) -> None:
        self._paths = [os.path.join(directory, f"{name}.{what}") for what in ("steps", "replies")]
        for path in self._paths:
            os.mkfifo(path)
        self.steps, self.replies = (os.open(path, os.O_RDWR | os.O_CLOEXEC) for path in self._paths)
        self.pid = 0
        self.pidfd = -1

    def close(self) -> None:
        for fd in (self.steps, self.replies, self.pidfd):
            if fd >= 0:
                os.close(fd)
        for path in self._paths:
            os.unlink(path)


class Puppets:
    """The channels of all puppets, and the first of them: it creates nothing, and the others are forked from it."""

    def __init__(self) -> None:
        self._begin()

    def restart(self) -> None:
        """Ends all puppets, whatever they are doing, and begins anew."""
        self.close()
        self._begin()

    def _begin(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="puppets")
        self._channels: dict[str, _Channel] = {}
        self._names = 0
        self.first = self.channel()
        command = [sys.executable, "-ISs", str(PUPPET), self._directory.name, self.first]
        self._process = subprocess.Popen(command, start_new_session=True)
        pid = self.greeting(self.first)["pid"]
        self.collector = Process(pid, start_of(pid))
        """The first of them: closes sockets when asked to, which wakes the kernel's collector."""
        self.compat = bool(self.do(self.first, "has_compat")["done"])
        """Whether this kernel has a 32-bit entry."""

    def channel(self) -> str:
        """The name of a fresh one."""
        self._names += 1
        name = f"c{self._names}"
        self._channels[name] = _Channel(self._directory.name, name)
        return name

    def greeting(self, name: str) -> dict[str, Any]:
        """What a puppet says at its start: pid and tid."""
        channel = self._channels[name]
        reply = self._line(channel)
        channel.pid = reply["pid"]
        channel.pidfd = os.pidfd_open(channel.pid)
        return reply

    def do(self, name: str, step: str, /, **arguments: Any) -> dict[str, Any]:
        """Takes one step; what it answers."""
        self.begin(name, step, **arguments)
        return self._line(self._channels[name])

    def begin(self, name: str, step: str, /, **arguments: Any) -> None:
        """Starts a step."""
        os.write(self._channels[name].steps, json.dumps([step, arguments]).encode() + b"\n")

    def answer(self, name: str) -> dict[str, Any]:
        """Of the step that was begun."""
        return self._line(self._channels[name])

    def kill(self, name: str) -> None:
        """SIGKILL to its process, and waits for its end."""
        signal.pidfd_send_signal(self._channels[name].pidfd, signal.SIGKILL)
        self.ended(name)

    def ended(self, name: str) -> None:
        """Waits for the end of its process."""
        assert self._poll(self._channels[name].pidfd), f"process {self._channels[name].pid} does not end"

    def answer_or_sleep(self, name: str, pid: int, tid: int) -> dict[str, Any] | None:
        """Of a step that waits on an instance; None as soon as its thread sleeps in that."""

        def settled() -> bool:
            return self._has_answered(name) or waits(pid, tid)

        eventually(settled, _PATIENCE_S)
        return self.answer(name) if self._has_answered(name) else None

    def _has_answered(self, name: str) -> bool:
        return self._poll(self._channels[name].replies, patience_s=0)

    def thread_ended(self, pid: int, tid: int) -> None:
        """Waits until a thread has ended, or, of a leader that others outlive, is a zombie."""

        def over() -> bool:
            try:
                stat = Path(f"/proc/{pid}/task/{tid}/stat").read_text(encoding="utf-8", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                return True
            return stat.rpartition(")")[2].split()[0] in "ZX"

        eventually(over, _PATIENCE_S)

    def interrupt(self, pid: int, tid: int) -> None:
        """A signal that ends a wait."""
        if _libc.syscall(TGKILL, pid, tid, signal.SIGUSR1):
            raise OSError(ctypes.get_errno(), "tgkill")

    def forget(self, name: str) -> None:
        """Nobody serves that channel any more."""
        self._channels.pop(name).close()

    def close(self) -> None:
        """Kills all."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for name in list(self._channels):
            self.forget(name)
        self._directory.cleanup()

    def _line(self, channel: _Channel) -> dict[str, Any]:
        line = b""
        while not line.endswith(b"\n"):
            if not self._poll(channel.replies, channel.pidfd):
                raise Silent(f"puppet {channel.pid} does not answer")
            line += os.read(channel.replies, 65536)
        reply: dict[str, Any] = json.loads(line)
        return reply

    @staticmethod
    def _poll(wanted: int, pidfd: int = -1, patience_s: float = _PATIENCE_S) -> bool:
        poll = select.poll()
        poll.register(wanted, select.POLLIN)
        if pidfd >= 0:
            poll.register(pidfd, select.POLLIN)
        return wanted in [fd for fd, _ in poll.poll(patience_s * 1000)]

    def __enter__(self) -> Puppets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start_of(pid: int, tid: int | None = None) -> int:
    """Of a process, or one of its threads, in clock ticks since boot."""
    stat = Path(f"/proc/{pid}/stat" if tid is None else f"/proc/{pid}/task/{tid}/stat")
    return int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19])


def now_ns() -> int:
    """The boot clock."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def name_of(number: int) -> str:
    """EBADF for 9."""
    return errno.errorcode.get(number, str(number))
