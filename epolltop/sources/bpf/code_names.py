"""Names for the addresses of a program's code: by the symbols of mapped files, and by its perf map.

A program's list of mappings is read anew each time, so a library that was loaded or replaced since is no surprise. What
was seen there is remembered: it names the last calls of a program that has ended since. All that is remembered is
bounded: the mappings of programs, and the functions at positions of files, which all processes share that run them.
"""

from __future__ import annotations

import bisect
import errno
import itertools
import os
from collections import OrderedDict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence, Set
from operator import attrgetter
from typing import NamedTuple, TypeVar

from epolltop.model.bounds import CODE_FILES_MAX
from epolltop.model.process import CodeFile, ProcessKey
from epolltop.own_process.pace import Deadline
from epolltop.proc.maps import Code, CodeMapping, Run, code_of
from epolltop.proc.mountinfo import MountLists
from epolltop.symbols import elf
from epolltop.symbols.go_table import go_places
from epolltop.symbols.perf_map import made_places
from epolltop.text.safe import clipped, safe

PLACES_MAX = 16_384
"""In files, remembered: 10 MB at most; programs have some ten each."""
RUNS_MAX = 1024
"""Programs that are remembered."""
REGIONS_MAX = CODE_FILES_MAX
"""Mappings that are remembered of a program: 25 MB for all. A stack has some five."""
MODULE_CHARS_MAX = 40
"""Of a frame, for the name of its file."""
_PERF_MAP = "perf map"

Key = TypeVar("Key")
Value = TypeVar("Value")


class _File(NamedTuple):
    """A version of a file."""

    device: int
    inode: int
    changed_ns: int


class _Region(NamedTuple):
    """What a mapping was."""

    start: int
    end: int
    position: int
    """Where its names begin: in the file, or for code that was made at run time the address itself."""
    module: str
    """The name of the mapped file; empty for code that was made."""
    is_made: bool
    table: _File | None = None
    """What has the names; None if it could not be read."""
    build_id: str = ""

    @property
    def mapping(self) -> tuple[int, int, int, str]:
        """What it was, but for what was read in its file."""
        return self.start, self.end, self.position, self.module

    def position_of(self, address: int) -> int:
        return address - self.start + self.position


class CodeFrame(NamedTuple):
    """What is known about an address of a program."""

    address: int
    module: str = ""
    """The file that has the code, or the perf map that has its name; empty if neither is known."""
    position: int = 0
    """Of the code in that file."""
    place: elf.SymbolOffset | None = None
    """None: not looked up, or no symbol covers it."""


class CodeNames:
    """Names addresses, for as long as there is time."""

    def __init__(self) -> None:
        self.may_read = True
        """False: the kernel lets us read no program, so that no frame has a name."""
        self.put_off = 0
        """Files and perf maps so far for which there was too little time. There may be enough at a later poll."""
        self._places: OrderedDict[tuple[_File, int], elf.SymbolOffset | None] = OrderedDict()
        self._runs: OrderedDict[Run, tuple[_Region, ...]] = OrderedDict()
        self._unread_maps: OrderedDict[Run, None] = OrderedDict()

    @property
    def unread_maps(self) -> Set[Run]:
        """Programs so far that have a perf map of which nothing was read the last time, up to RUNS_MAX."""
        return self._unread_maps.keys()

    def frames(
        self, run: Run, addresses: Collection[int], mount_lists: MountLists, deadline: Deadline
    ) -> dict[int, CodeFrame]:
        """What is known about each address; addresses that are not code are left out.

        A program that cannot be read any more is what it was when it was last read.

        Args:
            run: whose code it is.
            addresses: in its memory.
            mount_lists: of this poll.
            deadline: for reading; half of what is left is for this program, the rest for those after it.
        """
        deadline = deadline.half()
        try:
            deadline.require()
            there = code_of(run, sorted(addresses), mount_lists, deadline)
        except OSError as error:
            self.put_off += isinstance(error, TimeoutError)
            return self._as_last_read(run, addresses)
        mapped = {address: mapping for address in addresses if (mapping := there.at(address))}
        by_table: dict[CodeMapping | None, list[int]] = {}
        for address, mapping in mapped.items():
            # One map has the names of all code that was made.
            by_table.setdefault(None if mapping.is_made else mapping, []).append(address)
        frames: dict[int, CodeFrame] = {}
        regions: dict[int, _Region] = {}
        for table, inside in by_table.items():
            here = {address: _region(mapped[address]) for address in inside}
            positions = [region.position_of(address) for address, region in here.items()]
            version, build_id, places = self._look_up(run, there, table, positions, deadline)
            for address, region in here.items():
                frames[address] = _frame(address, region, places.get(region.position_of(address)))
                regions[region.start] = region._replace(table=version, build_id=build_id)
        _remember(self._runs, run, _merged(self._runs.get(run, ()), regions), RUNS_MAX)
        return frames

    def code_files(self, processes: Container[ProcessKey]) -> dict[ProcessKey, tuple[CodeFile, ...]]:
        """Of some processes, those that are remembered: the files with build ids, as of when they were last read."""
        return {
            key: files
            for run, regions in self._runs.items()
            if (key := ProcessKey(run.pid, run.start)) in processes
            and (files := tuple(sorted({CodeFile(each.module, each.build_id) for each in regions if each.build_id})))
        }

    def _as_last_read(self, run: Run, addresses: Iterable[int]) -> dict[int, CodeFrame]:
        regions = self._runs.get(run, ())
        starts = [region.start for region in regions]
        frames = {}
        for address in addresses:
            at = bisect.bisect_right(starts, address) - 1
            region = regions[at] if at >= 0 and address < regions[at].end else None
            place = region and region.table and self._places.get((region.table, region.position_of(address)))
            frames[address] = _frame(address, region, place) if region else CodeFrame(address)
        return frames

    def _look_up(
        self, run: Run, there: Code, table: CodeMapping | None, positions: Collection[int], deadline: Deadline
    ) -> tuple[_File | None, str, Mapping[int, elf.SymbolOffset | None]]:
        """A mapped file or the perf map, and the names in it; nothing if it is out of reach, or time is over."""
        if deadline.is_over:
            self.put_off += 1
            return None, "", {}
        try:
            file = there.open(table, deadline) if table else there.open_perf_map(deadline)
        except OSError as error:
            self.may_read &= error.errno != errno.EPERM
            if table is None and error.errno == errno.EACCES:
                _remember(self._unread_maps, run, None, RUNS_MAX)
            return None, "", {}
        try:
            about = os.fstat(file)
            version = _File(about.st_dev, about.st_ino, about.st_ctime_ns)
            known = {at: self._places[version, at] for at in positions if (version, at) in self._places}
            unknown = set(positions) - known.keys()
            build_id = elf.build_id(file).hex() if table else ""
            find = _places if table else made_places
            try:
                found = find(file, unknown, deadline) if unknown else {}
            except OSError as error:
                self.put_off += isinstance(error, TimeoutError)
                if table is None:
                    _remember(self._unread_maps, run, None, RUNS_MAX)
                return version if known else None, build_id, known
        except OSError:
            return None, "", {}
        finally:
            os.close(file)
        if table is None:
            self._unread_maps.pop(run, None)
        places = known | {at: found.get(at) for at in unknown}
        for at, place in places.items():
            _remember(self._places, (version, at), place, PLACES_MAX)
        return version, build_id, places


def _places(file: int, positions: Collection[int], deadline: Deadline) -> dict[int, elf.SymbolOffset]:
    """By the symbol table and, where that has no name, by Go's own table of functions."""
    found = elf.places(file, positions, deadline)
    return found | go_places(file, set(positions) - found.keys(), deadline)


def _region(mapping: CodeMapping) -> _Region:
    position = mapping.start if mapping.is_made else mapping.position
    module = "" if mapping.is_made else clipped(safe(mapping.module), MODULE_CHARS_MAX)
    return _Region(mapping.start, mapping.end, position, module, mapping.is_made)


def _frame(address: int, region: _Region, place: elf.SymbolOffset | None) -> CodeFrame:
    module = _PERF_MAP if place and region.is_made else region.module
    return CodeFrame(address, module, region.position_of(address), place)


def _merged(before: Sequence[_Region], now: Mapping[int, _Region]) -> tuple[_Region, ...]:
    """Sorted; of regions that overlap the new one counts, and there are not too many."""
    # What could not be read this time, for lack of time, is still what it was.
    known = {old.mapping: old for old in before}
    new = [each if each.table else known.get(each.mapping, each) for each in now.values()][:REGIONS_MAX]
    still = (old for old in before if not any(old.start < each.end and each.start < old.end for each in new))
    return tuple(sorted((*new, *itertools.islice(still, REGIONS_MAX - len(new))), key=attrgetter("start")))


def _remember(known: OrderedDict[Key, Value], key: Key, value: Value, most: int) -> None:
    """Keeps the most recent."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > most:
        known.popitem(last=False)
