"""Pids of a /proc tree in our own PID namespace, which is what system calls take.

The two differ if /proc was mounted from a namespace above ours: a host's /proc in a container, or `unshare --pid`
without a mount of its own. Then NSpid in /proc/PID/status has the pids of a process on each level from the tree's
namespace down. The pid on our level counts only if that namespace is ours and not a sibling of it. The namespace's
inode decides, which the kernel shows for ours and those below.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable

from epolltop.model.process import ProcessKey
from epolltop.own_process.transient import passes
from epolltop.proc.procfs import Procfs

_NS_GET_PARENT = 0xB702


class OwnPids:
    """Translates the pids of processes it has learnt about."""

    def __init__(self, procfs: Procfs) -> None:
        self._procfs = procfs
        me = procfs.own_pid()
        names = procfs.own_ns_pids()
        self.known = bool(names)
        """Whether pids can be translated: not if the tree's namespace does not contain us."""
        self._above = max(0, len(names) - 1)
        """How many levels the tree's namespace is above ours; 0 if it is ours."""
        self.ours = self.known and not self._above
        """Whether the pids of the tree are those of our own namespace."""
        self._ours: tuple[int, int] | None = None
        if me is not None and self._above:
            try:
                self._ours = self._namespace(me, 0)
            except OSError:
                self.known = False
        self._own: dict[ProcessKey, int | None] = {}
        self._by_pid: dict[int, int | None] = {}

    def learn(self, processes: Iterable[ProcessKey]) -> int:
        """Learns which processes there are, and forgets the others.

        Returns:
            How many of them are in no namespace of ours, or are closed to us.
        """
        if not self._above:
            return 0
        self._own = {key: self._own[key] if key in self._own else self._find(key.pid) for key in processes}
        self._by_pid = {key.pid: own for key, own in self._own.items()}
        return sum(own is None for own in self._own.values())

    def own(self, pid: int) -> int:
        """The pid of a process in our namespace.

        Raises:
            PermissionError: it is in no namespace of ours, or may not be looked into.
            ProcessLookupError: nothing was learned about it.
        """
        if not self._above:
            return pid
        own = self._by_pid.get(pid, 0)
        if own:
            return own
        if own is None:
            raise PermissionError(errno.EPERM, "in no PID namespace of ours")
        raise ProcessLookupError(errno.ESRCH, "not a process of this tree")

    def _find(self, pid: int) -> int | None:
        names = self._procfs.ns_pids(pid)
        if len(names) <= self._above:
            return None
        try:
            level = self._namespace(pid, len(names) - 1 - self._above)
        except OSError as error:
            if passes(error):
                raise  # a shortage of ours says nothing about the process
            return None
        return names[self._above] if level == self._ours else None

    def _namespace(self, pid: int, levels: int) -> tuple[int, int]:
        """Identity of the namespace that many levels above the process's own.

        Raises:
            OSError: the kernel does not show us that namespace, or the process is gone or closed to us.
        """
        namespace = self._procfs.open_namespace(pid)
        try:
            for _ in range(levels):
                parent = fcntl.ioctl(namespace, _NS_GET_PARENT)
                os.close(namespace)
                namespace = parent
            stat = os.fstat(namespace)
            return stat.st_dev, stat.st_ino
        finally:
            os.close(namespace)
