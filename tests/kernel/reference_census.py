"""Who holds which epoll instance, read from /proc and kcmp(2) alone: what epolltop must agree with.

Slow and simple on purpose, and independent of epolltop's own readers.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import platform
from collections.abc import Collection, Iterator

from epolltop.model.snapshot import Snapshot

Table = frozenset[frozenset[tuple[int, int]]]
"""The instances, each as the descriptors (pid, fd) that refer to it."""

_libc = ctypes.CDLL(None, use_errno=True)
_KCMP = {"x86_64": 312, "aarch64": 272}[platform.machine()]
_KCMP_FILE, _KCMP_FILES = 0, 2


def reference_census(pids: Collection[int] | None = None) -> Table:
    """What the kernel says about some processes, or about all but this one."""
    instances: list[set[tuple[int, int]]] = []
    last = None
    descriptors = {(task, fd): pid for pid, task, fd in _descriptors(pids)}
    for descriptor in sorted(descriptors, key=functools.cmp_to_key(_compare)):
        if last is None or _compare(last, descriptor) != 0:
            instances.append(set())
        instances[-1].add((descriptors[descriptor], descriptor[1]))
        last = descriptor
    return frozenset(map(frozenset, instances))


def reported_census(snapshot: Snapshot, pids: Collection[int] | None = None) -> Table:
    """The same as epolltop tells it."""
    instances: dict[str, set[tuple[int, int]]] = {}
    for row in snapshot.processes:
        if pids is None or row.pid in pids:
            for instance in row.instances:
                fds = instance.fds_of(row.key)
                assert fds, f"{instance.id} is listed under {row.pid}, which does not hold it"
                assert len(set(fds)) == len(fds), f"{instance.id} has a descriptor of {row.pid} twice: {fds}"
                instances.setdefault(instance.id, set()).update((row.pid, fd) for fd in fds)
    return frozenset(map(frozenset, instances.values()))


def family(pid: int) -> frozenset[int]:
    """A process and all that descend from it."""
    return frozenset({pid}.union(*map(family, _children(pid))))


def _children(pid: int) -> list[int]:
    """Who ends meanwhile has none."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
                found += map(int, children.read().split())
    return found


def _descriptors(pids: Collection[int] | None) -> Iterator[tuple[int, int, int]]:
    """Process, task and descriptor, of every thread that has a table of its own; mostly that is the process'."""
    for pid in [int(name) for name in os.listdir("/proc") if name.isdecimal()] if pids is None else pids:
        if pid == os.getpid():
            continue
        try:
            tasks = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
        except FileNotFoundError:
            continue
        for task in tasks:
            if task == pid or _order(pid, task, _KCMP_FILES) != 0:
                for fd in _epoll_fds(f"/proc/{pid}/task/{task}/fd"):
                    yield pid, task, fd


def _epoll_fds(table: str) -> list[int]:
    found = []
    try:
        for fd in os.listdir(table):
            if os.readlink(f"{table}/{fd}") == "anon_inode:[eventpoll]":
                found.append(int(fd))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []  # it ended while we looked; whoever compares tries again
    return found


def _compare(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Negative, 0 or positive, in the kernel's order of open files; what vanished is less than all."""
    order = _order(one[0], other[0], _KCMP_FILE, one[1], other[1])
    return 1 if order == 2 else 0 if order == 0 else -1


def _order(one: int, other: int, what: int, first: int = 0, second: int = 0) -> int:
    """Of two tasks' resources: 0 if they are the same, negative if there is none."""
    return int(_libc.syscall(_KCMP, one, other, what, ctypes.c_ulong(first), ctypes.c_ulong(second)))
