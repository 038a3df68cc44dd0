"""/proc/PID/mountinfo: whether a file can be read without waiting for anybody, before anything touches the file.

If another machine or a program (FUSE) serves a file, a reader blocks until the server answers, if it ever does. Only
SIGKILL ends that wait. Even fstat(2) asks the server. The list of mounts is the kernel's own and asks nobody.

Format: proc_pid_mountinfo(5).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from epolltop.own_process.pace import Deadline
from epolltop.proc.fdinfo import own_mount_id
from epolltop.proc.ns import mount_namespace
from epolltop.proc.reading import whole_lines

MOUNTS_BYTES_MAX = 4 << 20
"""20,000 mounts. Files of a process with a longer list are not read."""

_LOCAL = frozenset(
    b"bcachefs btrfs cramfs devtmpfs erofs exfat ext2 ext3 ext4 f2fs hfsplus hugetlbfs iso9660 jffs2 jfs minix nilfs2"
    b" ntfs3 ramfs reiserfs romfs rootfs squashfs tmpfs ubifs udf vfat xfs zfs".split()
)
"""File systems that answer from memory and disks. A file system that is not listed may block."""
_WORD = rb"[^ \n]+"
_MOUNT = re.compile(
    rb"^([0-9]+) [0-9]+ ([0-9]+):([0-9]+) W (W) W (?:W )*?- (W) W (W)$".replace(b"W", _WORD), re.MULTILINE
)
_ESCAPED = re.compile(rb"\\([0-7]{3})")
_LAYERS = re.compile(rb"(?:lowerdir|upperdir|datadir)\+?=([^,]*)")
_OVERLAY = b"overlay"
_OWN_S = 1.0
_FIRST = "1"
"""The first process, whose list is read too: in a chroot, epolltop or the process sees no mount outside of it."""

Device = tuple[int, int]
"""Major and minor number of a file system."""


class Mount(NamedTuple):
    """A line of mountinfo."""

    id: int
    device: Device
    point: bytes
    kind: bytes
    options: bytes
    """Of the file system."""


class Mounts:
    """The mounts that a process sees, that we see, and that the first process sees."""

    def __init__(self, theirs: Iterable[Mount], ours: Sequence[Mount], first: Iterable[Mount] = ()) -> None:
        self._layered = {mount.device for mount in ours if mount.kind == _OVERLAY and _over_local(mount, ours)}
        self._local = self._layered | {mount.device for mount in (*theirs, *ours, *first) if mount.kind in _LOCAL}

    def are_local(self, device: Device) -> bool:
        """Whether files of this file system can be read without blocking; no, if none of the lists has it."""
        return device in self._local

    def lead_to_local(self, pid: int, file: int, deadline: Deadline) -> bool:
        """Whether an open file can be read without blocking, by the mount it was opened through; asks nobody.

        Args:
            pid: of the process.
            file: a descriptor of ours.
            deadline: for reading.

        Raises:
            OSError: the process is gone, has more mounts than are read, or there is no time.
        """
        number = own_mount_id(file)
        for who in (str(pid), "self", _FIRST):
            for mount in _mounts(who, deadline):
                if mount.id == number:
                    return mount.kind in _LOCAL or (mount.kind == _OVERLAY and mount.device in self._layered)
        return False


class MountLists:
    """The mounts of processes, one list for each mount namespace. Valid for one poll: mounts change."""

    def __init__(self) -> None:
        self._known: dict[str, Mounts] = {}
        self._ours: Sequence[Mount] | None = None
        self._first: Sequence[Mount] = ()

    def mounts_of(self, pid: int, deadline: Deadline) -> Mounts:
        """The mounts that matter for files of a process.

        Raises:
            OSError: the process is gone or closed to us, has more mounts than are read, or there is no time.
        """
        namespace = mount_namespace(pid)
        if self._ours is None:
            self._ours = list(_mounts("self", deadline))
            with contextlib.suppress(FileNotFoundError, PermissionError):  # hidden from us
                self._first = list(_mounts(_FIRST, deadline))
        known = self._known.get(namespace)
        if known is None:
            known = self._known[namespace] = Mounts(_mounts(str(pid), deadline), self._ours, self._first)
        return known


def local_mount_points(pid: int, device: Device, deadline: Deadline) -> list[bytes]:
    """Where a file system that asks nobody is mounted for a process, as it sees it; nothing if it is of another kind.

    Raises:
        OSError: the process is gone or closed to us, has more mounts than are read, or there is no time.
    """
    return [
        _ESCAPED.sub(lambda digits: bytes((int(digits[1], 8) & 0xFF,)), mount.point)
        for mount in _mounts(str(pid), deadline)
        if mount.device == device and mount.kind in _LOCAL
    ]


def has(kind: bytes) -> bool:
    """Whether a file system of that kind is mounted where epolltop can see it."""
    try:
        return any(mount.kind == kind for mount in _mounts("self", Deadline(_OWN_S)))
    except OSError:
        return False


def _mounts(pid: str, deadline: Deadline) -> Iterator[Mount]:
    for lines in whole_lines(f"/proc/{pid}/mountinfo", MOUNTS_BYTES_MAX, deadline):
        for number, major, minor, point, kind, options in _MOUNT.findall(lines):
            yield Mount(int(number), (int(major), int(minor)), point, kind, options)


def _over_local(overlay: Mount, ours: Iterable[Mount]) -> bool:
    """Whether all layers of an overlay are on file systems of memory and disks that we have mounted.

    We know this of our own mounts only: their layers are paths of ours, and nobody but root chose them.
    """
    layers = [layer for told in _LAYERS.findall(overlay.options) for layer in told.split(b":") if layer]
    return bool(layers) and all(_covering(layer, ours) in _LOCAL for layer in layers)


def _covering(path: bytes, ours: Iterable[Mount]) -> bytes | None:
    """The kind of the file system that covers an absolute path, going by its name alone."""
    if not path.startswith(b"/") or b"\\" in path:
        return None
    over = [mount for mount in ours if (path + b"/").startswith(mount.point.rstrip(b"/") + b"/")]
    return max(over, key=lambda mount: len(mount.point)).kind if over else None
