"""What fdinfo says about a target of an interest list, by its kind.

Format: proc_pid_fdinfo(5).
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from epolltop.model.watch import TargetKind
from epolltop.proc.fdinfo import open_flags

Details: TypeAlias = tuple[tuple[str, int | str], ...]

MARKS_MAX = 64
"""Paths that one inotify instance watches, of which more is told than their number."""
_RT_FIRST = 34  # the C library keeps two of the kernel's real-time signals for itself
_CLOCKS = {
    0: "CLOCK_REALTIME",
    1: "CLOCK_MONOTONIC",
    7: "CLOCK_BOOTTIME",
    8: "CLOCK_REALTIME_ALARM",
    9: "CLOCK_BOOTTIME_ALARM",
}
_ENDS = {os.O_RDONLY: "read", os.O_WRONLY: "write", os.O_RDWR: "both"}
_COUNT = re.compile(rb"^eventfd-count:\s*([0-9a-f]+)$", re.MULTILINE)
_ID = re.compile(rb"^eventfd-id:\s*(\d+)$", re.MULTILINE)
_CLOCK = re.compile(rb"^clockid:\s*(\d+)$", re.MULTILINE)
_TICKS = re.compile(rb"^ticks:\s*(\d+)$", re.MULTILINE)
_TIME = rb"^it_%s:\s*\((\d+), (\d+)\)$"
_EXPIRES = re.compile(_TIME % b"value", re.MULTILINE)
_INTERVAL = re.compile(_TIME % b"interval", re.MULTILINE)
_SIGNALS = re.compile(rb"^sigmask:\s*([0-9a-f]+)$", re.MULTILINE)
_PID = re.compile(rb"^Pid:\s*(-?\d+)$", re.MULTILINE)
_MARK = re.compile(
    rb"^inotify wd:(-?[0-9a-f]+) ino:([0-9a-f]+) sdev:([0-9a-f]+) mask:([0-9a-f]+)"
    rb"(?:.* fhandle-type:([0-9a-f]+) f_handle:((?:[0-9a-f]{2})+))?",
    re.MULTILINE,
)


class InotifyMark(NamedTuple):
    """A file that an inotify instance watches."""

    inode: int
    device: int
    """As the kernel prints it: 12 bits of major and 20 of minor number."""
    mask: int
    handle_type: int | None
    """As name_to_handle_at(2) has it; None if the file system has no handles."""
    handle: bytes


class TargetFacts(NamedTuple):
    """What fdinfo says about a file."""

    lasting: Details = ()
    """Stays as it is, as long as the program does not set it anew."""
    passing: Details = ()
    """Changes by itself."""
    marks: tuple[InotifyMark, ...] = ()
    """The first paths that it watches."""


def target_facts(kind: TargetKind, info: bytes) -> TargetFacts:
    """Parses what there is to know of that kind."""
    read = _READERS.get(kind)
    return read(info) if read else TargetFacts()


def is_read(kind: TargetKind) -> bool:
    """Whether fdinfo says something about that kind."""
    return kind in _READERS


def _end(info: bytes) -> TargetFacts:
    flags = open_flags(info)
    end = None if flags is None else _ENDS.get(flags & os.O_ACCMODE)
    return TargetFacts((("end", end),) if end else ())


def _eventfd(info: bytes) -> TargetFacts:
    # The id tells two of them apart; the kernel gives numbers of its own.
    return TargetFacts(_number("id", _ID, info), _number("count", _COUNT, info, 16))


def _timerfd(info: bytes) -> TargetFacts:
    clock = _CLOCK.search(info)
    name = _CLOCKS.get(int(clock[1]), f"clock {int(clock[1])}") if clock else ""
    interval, expires = (_nanoseconds(pattern, info) for pattern in (_INTERVAL, _EXPIRES))
    return TargetFacts(
        (*((("clock", name),) if name else ()), *((("interval_ns", interval),) if interval is not None else ())),
        (*((("expires_in_ns", expires),) if expires is not None else ()), *_number("expirations", _TICKS, info)),
    )


def _signalfd(info: bytes) -> TargetFacts:
    mask = _SIGNALS.search(info)
    if not mask:
        return TargetFacts()
    bits = int(mask[1], 16)
    return TargetFacts((("signals", " ".join(_signal(number) for number in range(1, 65) if bits >> number - 1 & 1)),))


def _signal(number: int) -> str:
    if number > _RT_FIRST:
        return f"SIGRTMIN+{number - _RT_FIRST}"
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _pidfd(info: bytes) -> TargetFacts:
    return TargetFacts(_number("pid", _PID, info))


def _inotify(info: bytes) -> TargetFacts:
    lines = info[: info.rfind(b"\n") + 1]  # the last one may be cut
    marks = [
        InotifyMark(
            int(inode, 16),
            int(device, 16),
            int(mask, 16),
            int(kind, 16) if kind else None,
            bytes.fromhex(handle.decode()),
        )
        for _, inode, device, mask, kind, handle in _MARK.findall(lines)
    ]
    return TargetFacts((("paths_watched", len(marks)),), marks=tuple(marks[:MARKS_MAX]))


_READERS: Mapping[TargetKind, Callable[[bytes], TargetFacts]] = {
    TargetKind.PIPE: _end,
    TargetKind.FIFO: _end,
    TargetKind.EVENTFD: _eventfd,
    TargetKind.TIMERFD: _timerfd,
    TargetKind.SIGNALFD: _signalfd,
    TargetKind.PIDFD: _pidfd,
    TargetKind.INOTIFY: _inotify,
}


def _number(name: str, pattern: re.Pattern[bytes], info: bytes, base: int = 10) -> Details:
    found = pattern.search(info)
    return ((name, int(found[1], base)),) if found else ()


def _nanoseconds(pattern: re.Pattern[bytes], info: bytes) -> int | None:
    found = pattern.search(info)
    return int(found[1]) * 1_000_000_000 + int(found[2]) if found else None
