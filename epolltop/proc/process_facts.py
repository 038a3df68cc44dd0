"""The facts about each process. Most seldom change, and are not read each time.

Costs on Linux 6.18: 9 µs for /proc/PID/stat with its parsing, 2 µs for the number of descriptors, 45 µs for the facts
that rarely change, 11 µs once for the one that never does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

from epolltop.model.process import Process, ProcessKey
from epolltop.own_process.users import Users
from epolltop.proc.auxv import is_compat
from epolltop.proc.cgroup import Cgroup, read_cgroup
from epolltop.proc.cmdline import Command, Commands
from epolltop.proc.fd import survivor
from epolltop.proc.reading import CLOSED, head, status_of
from epolltop.proc.rlimits import fd_limit
from epolltop.proc.stat import Stat, read_stat
from epolltop.proc.status import ns_pids
from epolltop.text.safe import safe

# One per readable process and second, at the usual interval: a moved cgroup or a changed limit shows within ten.
_REFRESH_CALLS = 10

ReadSigns: TypeAlias = Callable[[str, int], tuple[str, ...] | None]


def no_signs(_root: str, _pid: int) -> None:
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
    told_image: int | None
    """See `Process.image`."""
    runtime_signs: tuple[str, ...] | None
    is_loaded: bool
    """The signs were read of a program that ran before: it has mapped its libraries."""

    def is_over(self, stat: Stat) -> bool:
        """Whether the process has executed another program, or changed its name."""
        return self.comm != stat.comm or stat.stack_start not in (0, self.image)


class ProcessFacts:
    """Of the processes of a /proc tree, with what is remembered of them."""

    def __init__(self, root: str, users: Users, read_signs: ReadSigns) -> None:
        """Has read nothing yet.

        Args:
            root: where the tree is.
            users: who names its users.
            read_signs: see `Procfs`.
        """
        self._root = root
        self._users = users
        self._read_signs = read_signs
        self._static: dict[ProcessKey, _Static] = {}
        self._secret = os.urandom(16)
        self._commands = Commands(lambda pid, most: head(f"{root}/{pid}/cmdline", most), self._arguments_bytes)
        # Since Linux 6.2 the size of /proc/PID/fd is the number of descriptors. Nobody has none while asking.
        own = status_of(f"{root}/self/fd")
        self._size_counts = own is not None and own.st_size > 0

    def read(self, key: ProcessKey, *, is_shown: bool = False) -> Process | None:
        """Facts about a process: 12 µs, every tenth time 60, the first time 70.

        Name, parent and number of descriptors are read each time. Command, user, cgroup and limit are read again
        after an exec, or a change of the name, and every tenth call. Both uid and user are the effective ones.

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
        if static is None or static.calls_left == 0 or static.is_over(stat):
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
            self._users.name(static.uid),
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
            image=static.told_image,
        )

    def forget(self, alive: Collection[ProcessKey]) -> None:
        """Drops what is cached about all other processes. Pass a set or a mapping: it is searched once an entry."""
        for key in [key for key in self._static if key not in alive]:
            del self._static[key]
        self._commands.forget(alive)

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
            ns_pid=before.ns_pid if before else next(reversed(ns_pids(self._root, pid)), None),
            compat=is_compat(self._root, pid),
            image=stat.stack_start,
            told_image=self._image(stat.stack_start),
            runtime_signs=self._signs(pid, before if goes_on else None),
            is_loaded=goes_on,
        )

    def _image(self, stack_start: int) -> int | None:
        """The same for the same place, which a recording must not give away: it helps who attacks the process."""
        if not stack_start:
            return None
        digest = hashlib.blake2b(stack_start.to_bytes(8, "little"), digest_size=6, key=self._secret).digest()
        return int.from_bytes(digest, "little")

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
