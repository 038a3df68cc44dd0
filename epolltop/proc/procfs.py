"""One /proc tree: who runs, which of their descriptors are epoll instances, how long an interest list is.

Every read races with the process it is about. A process that is gone, or closed to us, is an answer (None, or nothing),
never a crash. Only `Procfs.epoll_fds` tells the two apart, because its caller counts what it could not see. An error
that is about us, such as having no descriptor left, is raised: an empty list would be a lie.

Costs on Linux 6.18: 9 µs for /proc/PID/stat with its parsing, 2 µs for the number of descriptors, 45 µs for the facts
that rarely change, 11 µs once for the one that never does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from epolltop.model.process import Process, ProcessKey
from epolltop.own_process.pace import Deadline
from epolltop.own_process.users import Users
from epolltop.proc.auxv import is_compat
from epolltop.proc.cgroup import Cgroup, read_cgroup
from epolltop.proc.cmdline import Command, Commands
from epolltop.proc.fd import EpollFds, measure, read_epoll_fds, survivor
from epolltop.proc.fdinfo import Measured
from epolltop.proc.ns import open_pid_namespace
from epolltop.proc.reading import CLOSED, GONE, head, status_of
from epolltop.proc.rlimits import fd_limit
from epolltop.proc.schedstat import read_ran
from epolltop.proc.stat import Stat, read_stat
from epolltop.proc.status import ns_pids
from epolltop.proc.syscall import PendingWait, read_wait
from epolltop.proc.task import thread_ids, threads_of
from epolltop.text.safe import safe

# One per readable process and second, at the usual interval: a moved cgroup or a changed limit shows within ten.
_REFRESH_CALLS = 10


ReadSigns: TypeAlias = Callable[[str, int], tuple[str, ...] | None]


def _no_signs(_root: str, _pid: int) -> None:
    """Nobody asks for them."""


@dataclass(slots=True)
class _Static:
    """Facts about one process that seldom change."""

    comm: bytes
    calls_left: int
    name: str
    command: Command
    uid: int
    cgroup: Cgroup
    fd_limit: int | None
    ns_pid: int | None
    compat: bool
    image: int
    """Where the program's stack began, see `Stat.stack_start`."""
    runtime_signs: tuple[str, ...] | None
    is_loaded: bool
    """The signs were read of a program that ran before: it has mapped its libraries."""


class WaitingThread(NamedTuple):
    """A thread that sleeps in a wait."""

    tid: int
    start: int
    """In clock ticks since boot."""
    comm: bytes
    wait: PendingWait


class Procfs:
    """A /proc tree, and what is remembered of it."""

    def __init__(self, root: str = "/proc", users: Users | None = None, read_signs: ReadSigns = _no_signs) -> None:
        """Has read nothing yet.

        Args:
            root: where the tree is.
            users: who names its users; None: the user database.
            read_signs: tells of a tree and a pid which runtimes its code has a sign of; asked twice a program.
        """
        self._root = root
        self._read_signs = read_signs
        self.users = users or Users()
        """The names of its processes' users."""
        self._static: dict[ProcessKey, _Static] = {}
        self._commands = Commands(lambda pid, most: head(f"{root}/{pid}/cmdline", most), self._arguments_bytes)
        # Since Linux 6.2 the size of /proc/PID/fd is the number of descriptors. Nobody has none while asking.
        own = status_of(f"{root}/self/fd")
        self._size_counts = own is not None and own.st_size > 0

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
        """Facts about a process: 12 µs, every tenth time 60, the first time 70.

        Name, parent and number of descriptors are read each time. Command, user, cgroup and limit are read again
        after an exec that changed the name, and every tenth call. Both uid and user are the effective ones.

        Args:
            key: a start of 0 accepts any process with that pid; the key of the answer has the start that was found.
            is_shown: whether somebody looks at it. Then the command line is read as well, because programs rewrite it
                to say what they do.

        Returns:
            None if the process is gone, or its pid now belongs to another one.
        """
        stat = read_stat(self._root, key.pid)
        if stat is None or key.start not in (0, stat.start):
            return None
        key = ProcessKey(key.pid, stat.start)
        static = self._static.get(key)
        if static is None or static.calls_left == 0 or static.comm != stat.comm:
            static = self._read_static(key.pid, stat, static)
            if static is None:
                return None
            self._static[key] = static
        elif is_shown:
            static.command = self._commands.read(key)
        static.calls_left -= 1
        return Process(
            key,
            stat.ppid,
            static.name,
            static.command.text or f"[{static.name}]",
            static.uid,
            self.users.name(static.uid),
            static.cgroup.path,
            self._fd_count(key.pid, stat),
            static.fd_limit,
            static.cgroup.container,
            static.ns_pid,
            static.compat,
            static.command.octets,
            static.command.truncated,
            stat.threads,
            static.runtime_signs,
        )

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
        for key in [key for key in self._static if key not in alive]:
            del self._static[key]
        self._commands.forget(alive)

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

    def _read_static(self, pid: int, stat: Stat, before: _Static | None) -> _Static | None:
        directory = status_of(f"{self._root}/{pid}")
        if directory is None:
            return None
        uid = directory.st_uid
        goes_on = before is not None and (before.image, before.comm) == (stat.stack_start, stat.comm)
        return _Static(
            comm=stat.comm,
            # Processes found at the same moment (all, in the first scan) are not read again at the same moment.
            calls_left=_REFRESH_CALLS if before else 1 + pid % _REFRESH_CALLS,
            name=safe(stat.comm),
            command=self._commands.read(ProcessKey(pid, stat.start)),
            uid=uid,
            cgroup=read_cgroup(self._root, pid),
            fd_limit=fd_limit(self._root, pid),
            # A process stays in its namespace for life.
            ns_pid=before.ns_pid if before else next(reversed(self.ns_pids(pid)), None),
            compat=is_compat(self._root, pid),
            image=stat.stack_start,
            runtime_signs=self._signs(pid, before if goes_on else None),
            is_loaded=goes_on,
        )

    def _signs(self, pid: int, before: _Static | None) -> tuple[str, ...] | None:
        """Read twice: Python's selectors try an instance out while it starts, before it maps asyncio.

        Read again, too, if they could not be read.
        """
        known = before.runtime_signs if before else None
        if before and known is not None and before.is_loaded:
            return known
        found = self._read_signs(self._root, pid)
        return known if found is None else found

    def _arguments_bytes(self, pid: int) -> int | None:
        """Length of a command line; None if the kernel does not say."""
        stat = read_stat(self._root, pid)
        return stat.arguments_bytes if stat else None

    def _fd_count(self, pid: int, stat: Stat) -> int | None:
        try:
            thread = survivor(self._root, pid) if stat.is_survived else None
            path = f"{self._root}/{thread or pid}/fd"
            return os.stat(path).st_size if self._size_counts else len(os.listdir(path))
        except CLOSED:
            return None

    def _holds_nothing(self, pid: int) -> bool:
        """Whether a process has no descriptors anyway, as kernel threads and zombies.

        With hidepid=noaccess these cannot be told from others.
        """
        stat = read_stat(self._root, pid)
        if stat is None:
            return status_of(f"{self._root}/{pid}") is None
        return stat.is_kernel_thread or (stat.state == b"Z" and not stat.is_survived)


def is_listed(pid: int) -> bool:
    """Whether a process, or a thread, is there and not hidden from us."""
    return os.path.exists(f"/proc/{pid}")
