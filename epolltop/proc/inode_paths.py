"""Paths of files of which only the inode is known: of what an inotify instance watches.

The kernel does not keep the path that a program gave. Two ways lead to one: the file may be the current or the root
directory of the process, or a directory that it has open; or its file system opens it by its handle, for which epolltop
needs CAP_DAC_READ_SEARCH. A path that was found so is followed again, and counts if it leads to the same file. It is
only followed through what the kernel has in memory (Linux 5.12), so nobody can make epolltop wait.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice

from epolltop.own_process.descriptors import opened_anew
from epolltop.own_process.pace import Deadline
from epolltop.proc.cached_paths import entered, followed, numbered, root_of
from epolltop.proc.fd import link_of, links, own_path, own_type, type_of
from epolltop.proc.file_type import FileType, file_type
from epolltop.proc.interest_lines import as_st_dev
from epolltop.proc.mountinfo import local_mount_points
from epolltop.proc.reading import CLOSED
from epolltop.proc.target_facts import InotifyMark

PATHS_S = 0.1
_POINTS_MAX = 4
_DIRECTORIES_MAX = 64
"""Descriptors that are looked at, whether they are for the file."""
_OPEN_BY_HANDLE_AT = {"x86_64": 304, "aarch64": 265, "riscv64": 265}.get(platform.machine(), 0)
_HANDLE = struct.Struct("=Ii")


def inode_paths(root: str, pid: int, marks: Iterable[InotifyMark]) -> dict[InotifyMark, bytes]:
    """Finds paths as the process sees them, of as many as there is time for."""
    deadline = Deadline(PATHS_S)
    wanted = {(mark.inode, as_st_dev(mark.device)): mark for mark in marks}
    found = {wanted[identity]: path for identity, path in _directories(root, pid) if identity in wanted}
    for mark in wanted.values():
        if mark not in found and not deadline.is_over and (path := _by_handle(root, pid, mark, deadline)):
            found[mark] = path
    return found


def _directories(root: str, pid: int) -> Iterator[tuple[tuple[int, int], bytes]]:
    with suppress(*CLOSED):
        for name in ("cwd", "root"):
            path = f"{root}/{pid}/{name}"
            yield from _settled(partial(os.readlink, path.encode()), partial(file_type, path))
        for fd, link in islice(links(root, pid), _DIRECTORIES_MAX):
            if link.startswith("/"):
                yield from _settled(partial(link_of, root, pid, fd), partial(type_of, root, pid, fd))


def _settled(
    link: Callable[[], bytes | None], seen: Callable[[], FileType | None]
) -> Iterator[tuple[tuple[int, int], bytes]]:
    """The identity of a file and its path, if that stays."""
    path, found = link(), seen()
    if path and found and link() == path:
        yield (found.inode, found.device), path


def _by_handle(root: str, pid: int, mark: InotifyMark, deadline: Deadline) -> bytes | None:
    device = as_st_dev(mark.device)
    if mark.handle_type is None or not _OPEN_BY_HANDLE_AT:
        return None
    with suppress(OSError), root_of(root, pid) as top, entered("/") as ours:
        points = local_mount_points(pid, (os.major(device), os.minor(device)), deadline)
        for point in points[:_POINTS_MAX]:
            with suppress(OSError), followed(top, point) as mount:
                found = own_type(mount)
                if found is None or found.device != device:  # something else is mounted over it
                    continue
                path = _path_by_handle(mount, mark)
                if any(_leads_to(above, path, (mark.inode, device)) for above in (top, ours)):
                    return path
    return None


def _path_by_handle(mount: int, mark: InotifyMark) -> bytes:
    handle = ctypes.create_string_buffer(_HANDLE.pack(len(mark.handle), mark.handle_type) + mark.handle)
    within = opened_anew(mount, os.O_RDONLY | os.O_DIRECTORY)  # the call takes none with O_PATH
    try:
        with numbered(_OPEN_BY_HANDLE_AT, within, handle, os.O_PATH | os.O_CLOEXEC) as file:
            return own_path(file)
    finally:
        os.close(within)


def _leads_to(above: int, path: bytes, identity: tuple[int, int]) -> bool:
    with suppress(OSError), followed(above, path) as file:
        found = own_type(file)
        return found is not None and (found.inode, found.device) == identity
    return False
