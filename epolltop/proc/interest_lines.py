"""The lines of an interest list, as /proc/PID/fdinfo has them."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import NamedTuple

from epolltop.proc.file_type import kernel_devices

_LINE = re.compile(
    rb"^tfd: *(\d+) events: *([0-9a-f]+) data: *([0-9a-f]+)(?: +pos:-?\d+ ino:([0-9a-f]+) sdev:([0-9a-f]+))?",
    re.MULTILINE,
)
_MINOR_BITS = 20  # of the kernel's own dev_t, include/linux/kdev_t.h


class InterestLine(NamedTuple):
    """One watch as the kernel prints it."""

    fd: int
    events: int
    data: int
    inode: int | None
    """Of the watched file; eventfd, timerfd and others like them have one in common. None before Linux 4.13."""
    device: int | None
    """With the inode, as st_dev."""
    turn: int
    """Its place among those with that number, from 0, in the kernel's order."""

    @property
    def socket(self) -> int | None:
        """The inode of a target that is a socket."""
        return self.inode if self.device == kernel_devices().sockets else None

    @property
    def pipe(self) -> int | None:
        """The inode of a target that is a pipe without a name."""
        return self.inode if self.device == kernel_devices().pipes else None


class InterestLines(NamedTuple):
    """The beginning of an interest list."""

    lines: tuple[InterestLine, ...]
    """In the kernel's order, which is that of the addresses of the files."""
    total: int
    """Number of all watches."""


def interest_lines(info: bytes, most: int) -> tuple[InterestLine, ...]:
    """Parses the first lines."""
    turns: Counter[int] = Counter()
    found = []
    for each, _ in zip(_LINE.finditer(info), range(most), strict=False):
        fd, events, data, inode, device = each.groups()
        number = int(fd)
        found.append(
            InterestLine(
                number,
                int(events, 16),
                int(data, 16),
                None if inode is None else int(inode, 16),
                None if device is None else as_st_dev(int(device, 16)),
                turns[number],
            )
        )
        turns[number] += 1
    return tuple(found)


def as_st_dev(device: int) -> int:
    """A device number as fdinfo prints it, as stat(2) has it."""
    return os.makedev(device >> _MINOR_BITS, device & ((1 << _MINOR_BITS) - 1))
