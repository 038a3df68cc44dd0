"""Reads a /proc tree: who runs, which of their descriptors are epoll instances, how long an interest list is.

Every read races with the process it is about. What is gone, or may not be read, is an answer (None, or nothing), never
a crash; only `Procfs.table` tells the two apart, because its caller counts what it could not see. An error that is
about us, such as having no descriptor left, is raised: an empty list would be a lie.

Costs on Linux 6.18: 9 µs for /proc/PID/stat with its parsing, 2 µs for the number of descriptors, 45 µs for the facts
that rarely change, 11 µs once for the one that never does.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from epolltop.model.batch import Process, ProcessKey
from epolltop.proc import fd_tables as tables
from epolltop.proc.cgroups import Cgroup, cgroup
from epolltop.proc.command_lines import Command, Commands
from epolltop.proc.fd_tables import Measured, Table
from epolltop.proc.users import Users
from epolltop.runtime.pace import Deadline
from epolltop.text.safe import safe

# One per readable process and second, at the usual interval: a moved cgroup or a changed limit shows within ten.
_REFRESH_CALLS = 10
_STATUS_BYTES, _STATUS_BYTES_MAX = 8192, 1 << 20
"""Of /proc/PID/status; a group is up to 11 bytes of it, and a process may have 65,536."""
_FLAG_KERNEL_THREAD = 0x00200000
_CGROUP_BYTES = 1 << 16
"""A path of 4,096 for each of the 13 hierarchies of v1."""
_MAY_BE_COMPAT = struct.calcsize("P") == 8
_GONE = (FileNotFoundError, ProcessLookupError)


class _Stat(NamedTuple):
    """The fields of /proc/PID/stat in use."""

    comm: bytes
    state: bytes
    ppid: int
    flags: int
    threads: int
    start: int


@dataclass(slots=True)
class _Static:
    """Facts of one process that seldom change."""

    comm: bytes
    calls_left: int
    name: str
    command: Command
    uid: int
    cgroup: Cgroup
    fd_limit: int | None
    ns_pid: int | None
    compat: bool


class Procfs:
    """One /proc tree."""

    def __init__(self, root: str = "/proc", users: Users | None = None) -> None:
        self._root = root
        self.users = users or Users()
        """What the users of its processes are called."""
        self._static: dict[ProcessKey, _Static] = {}
        self._commands = Commands(lambda pid, most: self._read(pid, "cmdline", most), self._arguments_size)
        # Since Linux 6.2 the size of /proc/PID/fd is the number of descriptors. Nobody has none while asking.
        own = _stat_of(f"{root}/self/fd")
        self._size_counts = own is not None and own.st_size > 0

    def own_pid(self) -> int | None:
        """Pid of the caller in this tree, which differs from getpid() if the tree is another namespace's.

        None: the tree is of a namespace that does not contain the caller.
        """
        try:
            return int(os.readlink(f"{self._root}/self"))
        except (OSError, ValueError):
            return None

    def ns_pids(self, pid: int) -> tuple[int, ...]:
        """What a process is called in each PID namespace that contains it, from this tree's down to its own.

        Nothing if it is gone, or the kernel does not say.
        """
        status = self._read(pid, "status", _STATUS_BYTES)
        if len(status) == _STATUS_BYTES:  # a process of very many groups
            status = self._read(pid, "status", _STATUS_BYTES_MAX)
        _, _, rest = status.partition(b"\nNSpid:\t")
        numbers, end, _ = rest.partition(b"\n")
        return tuple(map(int, numbers.split())) if end else ()

    def own_ns_pids(self) -> tuple[int, ...]:
        """The same of the caller; nothing if the tree is of a namespace that does not contain it."""
        me = self.own_pid()
        return () if me is None else self.ns_pids(me) or (me,)  # the latter on a kernel without PID namespaces

    def shows_machine(self) -> bool:
        """Whether the tree is of the machine's own PID namespace: kernel threads are in no other, and 2 starts them."""
        stat = self._stat(2)
        return stat is not None and bool(stat.flags & _FLAG_KERNEL_THREAD)

    def open_namespace(self, pid: int) -> int:
        """A descriptor for the PID namespace of a process.

        Raises:
            OSError: the process is gone, or may not be looked into.
        """
        return os.open(f"{self._root}/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def pids(self) -> list[int]:
        """All processes that are listed; with hidepid= only the caller's.

        Raises:
            OSError: there is no such tree.
        """
        return [int(name) for name in os.listdir(self._root) if name.isdecimal()]

    def start_ticks(self, pid: int) -> int | None:
        """When a process started, in clock ticks since boot; None if it is gone."""
        stat = self._stat(pid)
        return stat.start if stat else None

    def has_ended(self, key: ProcessKey) -> bool:
        """Whether a process is no more. That /proc does not tell of it is no proof: it may be hidden."""
        stat = self._stat(key.pid)
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
            key: a start of 0 accepts whoever has the pid; the key of the answer has the start that was found.
            is_shown: somebody looks at it: the command line, which programs rewrite to say what they do, is read, too.

        Returns:
            None if the process is gone, or its pid belongs to another one by now.
        """
        stat = self._stat(key.pid)
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
        )

    def compat_pids(self) -> list[int]:
        """Processes that are known to run a 32-bit program on a 64-bit kernel; 10 µs each to find out."""
        return [pid for pid in self.pids() if self._is_compat(pid)]

    def forget(self, alive: Collection[ProcessKey]) -> None:
        """Drops what is cached about all other processes. Wants a set or a mapping: it is searched once an entry."""
        for key in [key for key in self._static if key not in alive]:
            del self._static[key]
        self._commands.forget(alive)

    def table(self, pid: int, deadline: Deadline | None = None) -> Table:
        """Which descriptors of a process are epoll instances; none if it is gone.

        Args:
            pid: whose.
            deadline: then it is left off.

        Raises:
            PermissionError: they may not be read. Root meets this too, without CAP_SYS_PTRACE or under an LSM.
        """
        try:
            return tables.read_table(self._root, pid, deadline)
        except _GONE:
            return Table(pid, [])
        except PermissionError:
            # Also what the kernel says when the process goes in the middle of readlink(2).
            if self._holds_nothing(pid):
                return Table(pid, [])
            raise

    def measure(self, pid: int, fd: int) -> Measured | None:
        """Length of the interest list behind a descriptor, and whether that is closed on exec.

        The kernel holds the instance's lock while it prints, about 1 µs a watch in all: it begins anew with twice the
        room as long as that does not do. So long the program waits.

        Returns:
            None if the descriptor is gone, no epoll instance (any more), or may not be read.
        """
        try:
            return tables.measure(self._root, pid, fd)
        except (*_GONE, PermissionError):
            return None

    def _stat(self, pid: int) -> _Stat | None:
        raw = self._read(pid, "stat", 1024)
        # The name is the process's to choose, parentheses and line breaks included; what follows it are numbers.
        head, _, tail = raw.rpartition(b")")
        fields = tail.split(None, 20)
        if len(fields) < 20:
            return None
        return _Stat(
            head.partition(b"(")[2], fields[0], int(fields[1]), int(fields[6]), int(fields[17]), int(fields[19])
        )

    def _read_static(self, pid: int, stat: _Stat, before: _Static | None) -> _Static | None:
        directory = _stat_of(f"{self._root}/{pid}")
        if directory is None:
            return None
        uid = directory.st_uid
        return _Static(
            comm=stat.comm,
            # What is met at the same moment (all, in the first scan) is not read again at the same moment.
            calls_left=_REFRESH_CALLS if before else 1 + pid % _REFRESH_CALLS,
            name=safe(stat.comm),
            command=self._commands.read(ProcessKey(pid, stat.start)),
            uid=uid,
            cgroup=cgroup(self._read(pid, "cgroup", _CGROUP_BYTES)),
            fd_limit=_fd_limit(self._read(pid, "limits", 4096)),
            # A process stays in its namespace for life.
            ns_pid=before.ns_pid if before else next(reversed(self.ns_pids(pid)), None),
            compat=self._is_compat(pid),
        )

    def _is_compat(self, pid: int) -> bool:
        """Whether it is known to run a 32-bit program: one whose auxiliary vector is made of 32-bit words.

        The first two words of such a one are a type and a value, read as one of 64 bits; the types of others are small.
        Not from the program's file, which may be on a server that does not answer.
        """
        return _MAY_BE_COMPAT and int.from_bytes(self._read(pid, "auxv", 8), sys.byteorder) >> 32 != 0

    def _arguments_size(self, pid: int) -> int | None:
        """How long a command line is; None if the kernel does not tell us."""
        fields = self._read(pid, "stat", 4096).rpartition(b")")[2].split()
        start, end = map(int, fields[45:47]) if len(fields) > 46 else (0, 0)  # arg_start, arg_end (Linux 3.5)
        return end - start - 1 if end > start else None

    def _fd_count(self, pid: int, stat: _Stat) -> int | None:
        try:
            heir = tables.heir(self._root, pid) if _is_survived(stat) else None
            path = f"{self._root}/{heir or pid}/fd"
            return os.stat(path).st_size if self._size_counts else len(os.listdir(path))
        except (*_GONE, PermissionError):
            return None

    def _holds_nothing(self, pid: int) -> bool:
        """Kernel threads and zombies have no descriptors, so nothing of theirs stays unread.

        With hidepid=noaccess it cannot be told which those are.
        """
        stat = self._stat(pid)
        if stat is None:
            return _stat_of(f"{self._root}/{pid}") is None
        return bool(stat.flags & _FLAG_KERNEL_THREAD) or (stat.state == b"Z" and not _is_survived(stat))

    def _read(self, pid: int, name: str, limit: int) -> bytes:
        """The beginning of one file of one process; nothing if it is gone or closed to us."""
        try:
            # A third of the time of open(), which makes objects and asks for the size.
            file = os.open(f"{self._root}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except (*_GONE, PermissionError):
            return b""
        try:
            return os.read(file, limit)
        except (*_GONE, PermissionError):
            return b""
        finally:
            os.close(file)


def _is_survived(stat: _Stat) -> bool:
    """Whether the main thread has exited, and others hold what it no longer shows."""
    return stat.state == b"Z" and stat.threads > 1


def _stat_of(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (*_GONE, PermissionError):
        return None


def _fd_limit(lines: bytes) -> int | None:
    _, _, rest = lines.partition(b"\nMax open files")
    soft = rest.split(None, 1)[0] if rest.strip() else b""
    return int(soft) if soft.isdigit() else None
