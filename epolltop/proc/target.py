"""One open descriptor of a process, as a target that an instance may watch."""

from __future__ import annotations

import stat
from typing import NamedTuple

from epolltop.model.watch import TargetKind
from epolltop.proc.fd import link_of, type_of
from epolltop.proc.fdinfo import read_target
from epolltop.proc.file_type import FileType
from epolltop.proc.reading import CLOSED
from epolltop.proc.target_facts import TargetFacts, is_read, target_facts

_ANONYMOUS = b"anon_inode:"
_BY_NAME = {
    b"[eventfd]": TargetKind.EVENTFD,
    b"[timerfd]": TargetKind.TIMERFD,
    b"[signalfd]": TargetKind.SIGNALFD,
    b"inotify": TargetKind.INOTIFY,
    b"[fanotify]": TargetKind.FANOTIFY,
    b"[pidfd]": TargetKind.PIDFD,
    b"[eventpoll]": TargetKind.EPOLL,
    b"[io_uring]": TargetKind.IO_URING,
}
"""Anonymous files."""
_BY_TYPE = {
    stat.S_IFIFO: TargetKind.FIFO,
    stat.S_IFCHR: TargetKind.DEVICE,
    stat.S_IFBLK: TargetKind.DEVICE,
    stat.S_IFREG: TargetKind.FILE,
    stat.S_IFDIR: TargetKind.DIRECTORY,
}
_TTY_MAJORS = frozenset((4, 5, *range(128, 144), 188, 204, 229))
"""Consoles, pseudo terminals, serial lines; Documentation/admin-guide/devices.txt."""


class OpenTarget(NamedTuple):
    """What a descriptor is for."""

    kind: TargetKind
    link: bytes
    """As /proc has it: `socket:[9]`, `anon_inode:[eventfd]`, a path."""
    type: FileType | None
    facts: TargetFacts

    def lasting(self) -> OpenTarget:
        """Without what changes by itself: equal if nothing else has changed."""
        return self._replace(facts=self.facts._replace(passing=()))


def open_target(root: str, thread: int, fd: int) -> OpenTarget | None:
    """Looks at a descriptor without waiting for a file server; None if it is closed, or closed to us.

    These are several looks: a program may exchange the file between them.
    """
    try:
        link = link_of(root, thread, fd)
    except CLOSED:
        return None
    if link is None:
        return None
    found = type_of(root, thread, fd)
    kind = _kind(link, found)
    # Instances and rings are locked while the kernel prints, and may print much.
    info = read_target(root, thread, fd) if is_read(kind) else b""
    return OpenTarget(kind, link, found, target_facts(kind, info))


def _kind(link: bytes, found: FileType | None) -> TargetKind:
    if link.startswith(b"socket:["):
        return TargetKind.SOCKET
    if link.startswith(b"pipe:["):
        return TargetKind.PIPE
    if link.startswith(b"pidfd:"):
        return TargetKind.PIDFD
    if link.startswith(_ANONYMOUS):
        return _BY_NAME.get(link.removeprefix(_ANONYMOUS), TargetKind.OTHER)
    kind = _BY_TYPE.get(stat.S_IFMT(found.mode), TargetKind.OTHER) if found else TargetKind.OTHER
    if found and kind is TargetKind.DEVICE and found.major in _TTY_MAJORS:
        return TargetKind.TTY
    return kind
