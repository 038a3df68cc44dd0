"""However descriptors change over from one open file to another, the next scan tells which share one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epolltop.proc import kcmp
from epolltop.proc import open_files as openfiles
from epolltop.proc.kcmp import Slot
from epolltop.proc.open_files import OpenFiles

SCANS = st.lists(st.dictionaries(st.integers(1, 9), st.integers(1, 6), max_size=9), min_size=1, max_size=6)
"""The address behind each descriptor, as it is during each scan."""


class _Kernel:
    """Compares addresses."""

    def __init__(self) -> None:
        self.table: dict[Slot, int] = {}

    def compare(self, pid1: int, fd1: int, pid2: int, fd2: int) -> int:
        one, other = self.table[pid1, fd1], self.table[pid2, fd2]
        return kcmp.SAME if one == other else kcmp.LESS if one < other else kcmp.GREATER


@pytest.fixture(name="kernel")
def _kernel() -> _Kernel:
    return _Kernel()


def _scan(files: OpenFiles, kernel: _Kernel, table: dict[int, int]) -> set[frozenset[Slot]]:
    before, kernel.table = kernel.table, {(1, fd): address for fd, address in table.items()}
    files.update(before.keys() - kernel.table.keys(), sorted(kernel.table.keys() - before.keys()))
    told: dict[int, set[Slot]] = {}
    for place in kernel.table:
        told.setdefault(files.file(place), set()).add(place)
    return set(map(frozenset, told.values()))


def _truth(table: dict[int, int]) -> set[frozenset[Slot]]:
    return {frozenset((1, fd) for fd in table if table[fd] == address) for address in table.values()}


@settings(max_examples=400)
@given(scans=SCANS)
def test_descriptors_of_one_file_are_together_and_others_apart(scans: list[dict[int, int]]) -> None:
    kernel = _Kernel()
    files = OpenFiles(kernel.compare)
    for table in scans:
        assert _scan(files, kernel, table) == _truth(table)


def test_two_that_changed_at_once_do_not_hide_a_third(kernel: _Kernel) -> None:
    files = OpenFiles(kernel.compare)
    _scan(files, kernel, {1: 10, 2: 30, 3: 20, 8: 20})
    table = {1: 20, 2: 20, 3: 10, 8: 20}
    assert _scan(files, kernel, table) == _truth(table)


def test_what_is_not_checked_at_once_is_in_turn(kernel: _Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openfiles, "_CHECKS", 2)
    files = OpenFiles(kernel.compare)
    _scan(files, kernel, {fd: 10 * fd for fd in range(1, 10)})
    table = {fd: 10 * fd for fd in range(1, 9)} | {9: 80}
    assert any(_scan(files, kernel, table) == _truth(table) for _ in range(6))
