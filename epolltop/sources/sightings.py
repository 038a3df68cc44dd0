"""What the targets of one instance are, although programs close and open files meanwhile.

The kernel's line for a watch has the inode of the target, and each socket has an inode of its own, which alone says
what it is. Any other file is looked at through a descriptor for it. That counts if kcmp says, before and after each of
some looks that must agree, that the descriptor is for the watched file, and if the list still has the watch in the end.
Otherwise the target is unknown. (A program that does nothing but swap two files under one number could mislead, if it
keeps in step with all looks. Of 30,000 that were read while one did, three looks took seven for the wrong one, and
eight none.)
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from epolltop.model.bounds import WATCHES_MAX
from epolltop.model.watch import TargetKind
from epolltop.own_process.pace import Deadline
from epolltop.proc.fd import link_of, links
from epolltop.proc.fdinfo import read_interest
from epolltop.proc.file_type import kernel_devices
from epolltop.proc.inode_paths import inode_paths
from epolltop.proc.interest_lines import InterestLine
from epolltop.proc.kcmp import Slot
from epolltop.proc.reading import CLOSED
from epolltop.proc.stat import read_stat
from epolltop.proc.target import OpenTarget, open_target
from epolltop.proc.target_facts import InotifyMark, is_read
from epolltop.text.safe import safe

IsTarget = Callable[[Slot, Slot, int, int], bool]
"""`kcmp.is_target`, or a stand-in that raises the same errors."""

STEPS_MAX = 4_000_000
"""Watches that the kernel goes through to compare the targets of one list, 10 ns each, with the instance locked."""
TWICE_MAX = 30_000
"""Watches of a list that is read a second time, which may lock the instance for 10 ms."""
_LOOKS, _LOOKS_ALIKE = 2, 8
"""At a file whose inode tells which it is, and at one of which more is told: what /proc/PID/fdinfo says is no part of
an inode, such as the end of a pipe, and anonymous files have an inode in common."""
_SEARCHED = 1000
"""Descriptors among which that of a stale target is looked for."""
_ANONYMOUS = "anon_inode:"
_NO_PATHS: Mapping[InotifyMark, bytes] = MappingProxyType({})


class Sighting(NamedTuple):
    """A watch, and what its target was found to be."""

    line: InterestLine
    stale: bool | None = None
    """As in Watch."""
    table: int | None = None
    """A thread in whose table the number is for the target."""
    seen: OpenTarget | None = None
    """None: of a socket, or if it is not known."""
    open_as: int | None = None
    """Another number for the target, if it is stale."""
    process: str = ""
    """The name of the process that a pidfd is for."""
    paths: Mapping[InotifyMark, bytes] = _NO_PATHS
    """What an inotify instance watches, as far as it was found."""
    nested: int | None = None
    """As in Watch."""
    lacking: int | None = None
    """As in Watch."""
    missed: bool = False
    """There was no time to look at it."""

    @property
    def needs_watch(self) -> bool:
        """Whether it is only true if the watch was there all the time."""
        return self.seen is not None or self.stale is True


class _Glimpse(NamedTuple):
    """What a descriptor was for at one time."""

    target: OpenTarget
    process: str
    """As in Sighting."""

    def lasting(self) -> _Glimpse:
        """Without what changes by itself."""
        return self._replace(target=self.target.lasting())


class Observer:
    """Looks at the targets of one instance, once."""

    def __init__(
        self,
        root: str,
        tables: Sequence[int],
        fd: int,
        *,
        complete: bool,
        is_target: IsTarget,
        instance_of: Callable[[int, int], int | None],
    ) -> None:
        """Has looked at nothing yet.

        Args:
            root: of the /proc tree.
            tables: threads in whose tables the numbers of targets may be; the first one has the instance.
            fd: of the instance.
            complete: there are no other tables.
            is_target: how files are compared.
            instance_of: the instance behind a descriptor, if it is known.
        """
        self._root, self._holder, self._complete = root, (tables[0], fd), complete
        self._tables = list(tables)  # the one that had the last target comes first
        self._is_target, self._instance_of = is_target, instance_of
        self._total = 0
        self._namesakes: Counter[int] = Counter()  # how many watches have a number
        self._steps = STEPS_MAX

    def look(self, deadline: Deadline) -> tuple[tuple[Sighting, ...], int]:
        """Reads the list and looks at its targets; a list that is told in part is not read twice.

        Returns:
            The first watches, ascending by number, and how many there are in all.

        Raises:
            FileNotFoundError, ProcessLookupError: it is gone.
            PermissionError: it may not be read.
        """
        read = read_interest(self._root, *self._holder, WATCHES_MAX)
        self._total, self._namesakes = read.total, Counter(line.fd for line in read.lines)
        # Those of which nothing is known otherwise come first, while there is time.
        lines = sorted(read.lines, key=lambda line: line.device != kernel_devices().anonymous)
        found = [self._find(line) if self._has_time(line, deadline) else Sighting(line, missed=True) for line in lines]
        found.sort(key=lambda each: (each.line.fd, each.line.turn))
        if any(each.needs_watch for each in found):
            again = read_interest(self._root, *self._holder, WATCHES_MAX).lines if read.total <= TWICE_MAX else ()
            before, after = _by_number(read.lines), _by_number(again)
            found = [_confirmed(each, before, after) for each in found]
        return tuple(found), read.total

    def _has_time(self, line: InterestLine, deadline: Deadline) -> bool:
        """Whether to look at a target; without a second reading only sockets can be known."""
        if deadline.is_over:
            return False
        return line.socket is not None or (self._steps >= 0 and self._total <= TWICE_MAX)

    def _find(self, line: InterestLine) -> Sighting:
        if line.socket is not None:
            link = f"socket:[{line.socket}]".encode()

            def is_socket(table: int) -> bool:
                return link_of(self._root, table, line.fd) == link

            table, sure = self._table_with(is_socket)
            lacking = self._lacking(is_socket) if table is not None else None
            return Sighting(line, table is None if sure else None, table, lacking=lacking)

        def is_watched(table: int) -> bool:
            return self._same((table, line.fd), line)

        table, sure = self._table_with(is_watched)
        if table is not None:
            found = Sighting(line, stale=False, table=table, lacking=self._lacking(is_watched))
            return self._settled(found, (table, line.fd))
        if not sure:
            return self._by_identity(line)
        stale = Sighting(line, stale=True)
        kept = self._elsewhere(line) if line.pipe is None else None
        return self._settled(stale._replace(open_as=kept[1]), kept) if kept else stale

    def _table_with(self, has_it: Callable[[int], bool]) -> tuple[int | None, bool]:
        """The table in which a number is for the watched file, and whether that, or that there is none, is sure."""
        sure = self._complete
        for at, table in enumerate(self._tables):
            try:
                if has_it(table):
                    self._tables.insert(0, self._tables.pop(at))
                    return table, True
            except (OSError, NotImplementedError):
                sure = False
        return None, sure

    def _lacking(self, has_it: Callable[[int], bool]) -> int | None:
        """In how many tables a number is not for the watched file. `_table_with` put one first in which it is."""
        if not self._complete:
            return None
        found = 0
        for table in self._tables[1:]:
            try:
                found += not has_it(table)
            except (OSError, NotImplementedError):
                return None
        return found

    def _same(self, slot: Slot, line: InterestLine) -> bool:
        """Whether a descriptor is for the watched file.

        Raises:
            OSError, NotImplementedError: that cannot be told, or there is no such watch any more.
        """
        self._steps -= 2 * self._total
        try:
            same = self._is_target(slot, self._holder, line.fd, line.turn)
        except OSError as error:
            if error.errno == errno.EBADF:  # closed
                return False
            raise
        # With one more of that number the turns may be others.
        with suppress(FileNotFoundError):
            self._is_target(slot, self._holder, line.fd, self._namesakes[line.fd])
            raise BlockingIOError
        return same

    def _settled(self, sighting: Sighting, slot: Slot) -> Sighting:
        """Adds what a descriptor is for, if it is for the watched file all the time."""
        line = sighting.line
        first = self._glimpse(slot, line)
        if first is None or not _may_be(first.target, line):
            return Sighting(line)
        last = first
        alike = is_read(first.target.kind) or line.device == kernel_devices().anonymous
        for _ in range((_LOOKS_ALIKE if alike else _LOOKS) - 1):
            look = self._glimpse(slot, line)
            if look is None or look.lasting() != first.lasting():
                return Sighting(line)
            last = look
        seen = last.target
        return sighting._replace(
            seen=seen,
            process=last.process,
            paths=inode_paths(self._root, slot[0], seen.facts.marks) if seen.facts.marks else _NO_PATHS,
            nested=self._instance_of(*slot) if seen.kind is TargetKind.EPOLL else None,
        )

    def _glimpse(self, slot: Slot, line: InterestLine) -> _Glimpse | None:
        """None: it is closed, or not for the watched file afterwards."""
        seen = open_target(self._root, *slot)
        if seen is None or not self._is_still(slot, line):
            return None
        return _Glimpse(seen, self._process_of(seen))

    def _is_still(self, slot: Slot, line: InterestLine) -> bool:
        with suppress(OSError, NotImplementedError):
            return self._same(slot, line)
        return False

    def _process_of(self, seen: OpenTarget) -> str:
        pid = dict(seen.facts.lasting).get("pid") if seen.kind is TargetKind.PIDFD else None
        stat = read_stat(self._root, pid) if isinstance(pid, int) and pid > 0 else None
        return safe(stat.comm) if stat else ""

    def _by_identity(self, line: InterestLine) -> Sighting:
        """Knows a file by its inode, if kcmp cannot tell: it may be open twice, so it may be stale all the same."""
        for table in self._tables if line.device != kernel_devices().anonymous else ():
            seen = open_target(self._root, table, line.fd)
            if seen is None or seen.type is None or (seen.type.inode, seen.type.device) != (line.inode, line.device):
                continue
            if open_target(self._root, table, line.fd) == seen:
                return Sighting(line, None, table, seen._replace(facts=seen.facts._replace(lasting=())))
        return Sighting(line)

    def _elsewhere(self, line: InterestLine) -> Slot | None:
        """Another descriptor for the watched file in the table of the process that was read."""
        table = self._holder[0]
        with suppress(*CLOSED, OSError, NotImplementedError):
            for fd, link in islice(links(self._root, table), _SEARCHED):
                if self._steps < 0:
                    break
                if link.startswith(_ANONYMOUS) and self._same((table, fd), line):
                    return table, fd
        return None


def _may_be(seen: OpenTarget, line: InterestLine) -> bool:
    """Whether a file can be that of a line: another watch may have come between those with its number.

    Some file systems, as overlays, tell stat(2) other numbers.
    """
    devices, found = kernel_devices(), seen.type
    by_link = {TargetKind.SOCKET: devices.sockets, TargetKind.PIPE: devices.pipes}.get(seen.kind, line.device)
    if line.device not in (None, by_link):
        return False
    if found is None or (found.inode, found.device) == (line.inode, line.device):
        return True
    return not {found.device, line.device} & set(devices)


def _by_number(lines: Iterable[InterestLine]) -> dict[int, list[InterestLine]]:
    """By their turns."""
    found: dict[int, list[InterestLine]] = {}
    for line in lines:
        found.setdefault(line.fd, []).append(line)
    return found


def _confirmed(
    found: Sighting, before: Mapping[int, list[InterestLine]], after: Mapping[int, list[InterestLine]]
) -> Sighting:
    """Forgets what is only true of a watch that stays, unless all with its number did; some programs change events."""
    fd = found.line.fd
    if not found.needs_watch:
        return found
    if [line._replace(events=0) for line in before[fd]] != [line._replace(events=0) for line in after.get(fd, ())]:
        return Sighting(found.line)
    return found._replace(line=after[fd][found.line.turn])
