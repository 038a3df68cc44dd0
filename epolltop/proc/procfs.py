"""One /proc tree: who runs, which of their descriptors are epoll instances, how long an interest list is.

Every read races with the process it is about. A process that is gone, or closed to us, is an answer (None, or nothing),
never a crash. Only `Procfs.epoll_fds` tells the two apart, because its caller counts what it could not see. An error
that is about us, such as having no descriptor left, is raised: an empty list would be a lie.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple

from epolltop.model.process import Process, ProcessKey
from epolltop.own_process.pace import Deadline
from epolltop.own_process.users import Users
from epolltop.proc.auxv import is_compat
from epolltop.proc.fd import EpollFds, measure, read_epoll_fds
from epolltop.proc.fdinfo import Measured
from epolltop.proc.ns import open_pid_namespace
from epolltop.proc.process_facts import ProcessFacts, ReadSigns, no_signs
from epolltop.proc.reading import CLOSED, GONE, status_of
from epolltop.proc.schedstat import read_ran
from epolltop.proc.stat import Stat, read_stat
from epolltop.proc.status import ns_pids
from epolltop.proc.syscall import PendingWait, read_wait, read_waits_in
from epolltop.proc.task import thread_ids, threads_of


class WaitingThread(NamedTuple):
    """A thread that sleeps in a wait."""

    tid: int
    start: int
    """In clock ticks since boot."""
    comm: bytes
    wait: PendingWait


class Procfs:
    """A /proc tree, and what is remembered of it."""

    def __init__(self, root: str = "/proc", users: Users | None = None, read_signs: ReadSigns = no_signs) -> None:
        """Has read nothing yet.

        Args:
            root: where the tree is.
            users: who names its users; None: the user database.
            read_signs: tells of a tree and a pid which runtimes its code has a sign of; asked twice a program.
        """
        self._root = root
        self.users = users or Users()
        """The names of its processes' users."""
        self._facts = ProcessFacts(root, self.users, read_signs)

    @property
    def root(self) -> str:
        """Where the tree is."""
        return self._root

    def own_pid(self) -> int | None:
        """Our own pid in this tree, which differs from getpid() if the tree is another namespace's.

        None if the tree's namespace does not contain us.
        """
        try:
            return int(os.readlink(f"{self._root}/self"))
        except (OSError, ValueError):
            return None

    def ns_pids(self, pid: int) -> tuple[int, ...]:
        """The pids of a process in each PID namespace that contains it, from this tree's down to its own.

        Nothing if it is gone, or the kernel does not say.
        """
        return ns_pids(self._root, pid)

    def own_ns_pids(self) -> tuple[int, ...]:
        """Our own pids, as `ns_pids`; nothing if the tree's namespace does not contain us."""
        me = self.own_pid()
        return () if me is None else self.ns_pids(me) or (me,)  # the latter on a kernel without PID namespaces

    def shows_machine(self) -> bool:
        """Whether the tree is that of the machine's own PID namespace: only there 2 is kthreadd, a kernel thread."""
        stat = read_stat(self._root, 2)
        return stat is not None and stat.is_kernel_thread

    def open_namespace(self, pid: int) -> int:
        """A descriptor for the PID namespace of a process.

        Raises:
            OSError: the process is gone, or may not be looked into.
        """
        return open_pid_namespace(self._root, pid)

    def pids(self) -> list[int]:
        """All processes that are listed; with hidepid= only those of our own user.

        Raises:
            OSError: there is no such tree.
        """
        return [int(name) for name in os.listdir(self._root) if name.isdecimal()]

    def start_ticks(self, pid: int) -> int | None:
        """When a process started, in clock ticks since boot; None if it is gone."""
        stat = read_stat(self._root, pid)
        return stat.start if stat else None

    def is_zombie(self, pid: int) -> bool:
        """Whether a process has exited, and is still listed."""
        stat = read_stat(self._root, pid)
        return stat is not None and stat.is_zombie

    def has_ended(self, key: ProcessKey) -> bool:
        """Whether a process has ended. Its absence from /proc is no proof: it may be hidden."""
        stat = read_stat(self._root, key.pid)
        if stat is not None:
            return stat.start != key.start
        try:
            os.kill(key.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    def process(self, key: ProcessKey, *, is_shown: bool = False) -> Process | None:
        """Facts about a process, see `ProcessFacts.read`."""
        return self._facts.read(key, is_shown=is_shown)

    def waiting_thread(self, pid: int, tid: int) -> WaitingThread | None:
        """A thread of a process, if it sleeps in a wait on an instance; 12 µs, and 9 more if it does."""
        try:
            wait = self.wait(pid, tid)
        except PermissionError:
            return None
        stat = self.thread(pid, tid) if wait else None
        return WaitingThread(tid, stat.start, stat.comm, wait) if wait and stat else None

    def threads(self, pid: int) -> list[int]:
        """The threads of a process; none if it is gone or hidden."""
        try:
            return thread_ids(self._root, pid)
        except CLOSED:
            return []

    def wait(self, pid: int, tid: int) -> PendingWait | None:
        """The wait that a thread of a process sleeps in; None if it sleeps in none, or is gone.

        Raises:
            PermissionError: it may not be looked into.
        """
        return read_wait(threads_of(self._root, pid), tid)

    def waits_in(self, pid: int, tid: int) -> str | None:
        """What a thread of a 64-bit process waits in for files, as `read_waits_in` answers.

        Raises:
            PermissionError: it may not be looked into.
        """
        return read_waits_in(threads_of(self._root, pid), tid)

    def thread(self, pid: int, tid: int) -> Stat | None:
        """What a thread of a process is called, and when it started; None if it is gone or hidden."""
        return read_stat(threads_of(self._root, pid), tid)

    def ran(self, pid: int, tid: int) -> bytes:
        """A mark that is another one once a thread has run again; empty if the kernel does not tell."""
        return read_ran(threads_of(self._root, pid), tid)

    def compat_pids(self) -> list[int]:
        """Processes known to run a 32-bit program on a 64-bit kernel; 10 µs each to find out."""
        return [pid for pid in self.pids() if is_compat(self._root, pid)]

    def forget(self, alive: Collection[ProcessKey]) -> None:
        """Drops what is cached about all other processes. Pass a set or a mapping: it is searched once an entry."""
        self._facts.forget(alive)

    def epoll_fds(self, pid: int, deadline: Deadline | None = None) -> EpollFds:
        """Which descriptors of a process are epoll instances; none if it is gone.

        Args:
            pid: the process.
            deadline: when reading stops.

        Raises:
            PermissionError: access is denied. Root meets this too, without CAP_SYS_PTRACE or under an LSM.
        """
        try:
            return read_epoll_fds(self._root, pid, deadline)
        except GONE:
            return EpollFds(pid, [])
        except PermissionError:
            # Also what the kernel says when the process goes in the middle of readlink(2).
            if self._holds_nothing(pid):
                return EpollFds(pid, [])
            raise

    def measure(self, pid: int, fd: int) -> Measured | None:
        """Length of the interest list behind a descriptor, and whether the descriptor is closed on exec.

        This may block the program: see `read_instance`.

        Returns:
            None if the descriptor is gone, is not (or no longer) an epoll instance, or may not be read.
        """
        try:
            return measure(self._root, pid, fd)
        except CLOSED:
            return None

    def _holds_nothing(self, pid: int) -> bool:
        """Whether a process has no descriptors anyway, as kernel threads and zombies.

        With hidepid=noaccess these cannot be told from others.
        """
        stat = read_stat(self._root, pid)
        if stat is None:
            return status_of(f"{self._root}/{pid}") is None
        return stat.is_kernel_thread or stat.is_zombie


def is_listed(pid: int) -> bool:
    """Whether a process, or a thread, is there and not hidden from us."""
    return os.path.exists(f"/proc/{pid}")
