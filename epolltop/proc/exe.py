"""/proc/PID/exe: the file that a process executes."""

from __future__ import annotations

import os

from epolltop.own_process.pace import Deadline
from epolltop.proc.local_files import opened_if_local
from epolltop.proc.maps import MappedFile
from epolltop.proc.mountinfo import MountLists


def executable_path(root: str, pid: int) -> bytes:
    """Its path in the mount namespace of the process.

    Raises:
        OSError: the process is gone or closed to us, or executes nothing, as kernel threads.
    """
    return os.readlink(f"{root}/{pid}/exe".encode()).removesuffix(b" (deleted)")


def open_executable(root: str, pid: int, known: MappedFile, deadline: Deadline) -> int:
    """A descriptor of that file, even if it was deleted or replaced; never blocks.

    Args:
        root: of the /proc tree.
        pid: in that tree.
        known: the file, as the list of mappings has it.
        deadline: for reading the list of mounts.

    Raises:
        OSError: the process is gone or closed to us, or reading the file might block.
    """
    mounts = MountLists().mounts_of(pid, deadline)
    if not mounts.are_local(known.device):
        raise FileNotFoundError(known.path)
    return opened_if_local(f"{root}/{pid}/exe", pid, mounts, deadline, lambda: executable_path(root, pid) == known.path)
