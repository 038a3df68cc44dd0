"""/proc/PID/ns: the namespaces of a process.

Format: proc_pid_ns(5), namespaces(7).
"""

from __future__ import annotations

import os

_FIRST_USER_NAMESPACE = 0xEFFFFFFD  # PROC_USER_INIT_INO, include/linux/proc_ns.h


def open_pid_namespace(root: str, pid: int) -> int:
    """A descriptor for the PID namespace of a process.

    Raises:
        OSError: the process is gone, or may not be looked into.
    """
    return os.open(f"{root}/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)


def mount_namespace(pid: int) -> str:
    """A name for the mount namespace of a process; equal names are the same namespace.

    Raises:
        OSError: the process is gone, or may not be looked into.
    """
    return os.readlink(f"/proc/{pid}/ns/mnt")


def network_namespace(root: str, pid: int) -> str:
    """A name for the network namespace of a process; equal names are the same namespace.

    Raises:
        OSError: the process is gone, or may not be looked into.
    """
    return os.readlink(f"{root}/{pid}/ns/net")


def open_network_namespace(root: str, pid: int) -> int:
    """A descriptor for the network namespace of a process.

    Raises:
        OSError: the process is gone, or may not be looked into.
    """
    return os.open(f"{root}/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def own_network_namespace() -> str:
    """That of epolltop, as `network_namespace`; empty without /proc."""
    try:
        return os.readlink("/proc/self/ns/net")
    except OSError:
        return ""


def in_first_user_namespace() -> bool:
    """Whether epolltop is in the machine's own user namespace: in others no capability counts for BPF."""
    try:
        return os.stat("/proc/self/ns/user").st_ino == _FIRST_USER_NAMESPACE
    except OSError:
        return True
