"""The number of an open file stays with it from scan to scan, and is not used again."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.proc import kcmp
from epolltop.proc.kcmp import Slot
from epolltop.proc.open_files import OpenFiles


class Kernel:
    """Which open file each place refers to, as numbers in the order of kcmp."""

    def __init__(self) -> None:
        self.files: dict[Slot, int] = {}
        self.denied: set[Slot] = set()

    def compare(self, pid1: int, fd1: int, pid2: int, fd2: int) -> int:
        if {(pid1, fd1), (pid2, fd2)} & self.denied:
            raise OSError(errno.EPERM, "denied")
        try:
            one, other = self.files[pid1, fd1], self.files[pid2, fd2]
        except KeyError:
            raise OSError(errno.EBADF, "closed") from None
        return kcmp.SAME if one == other else kcmp.LESS if one < other else kcmp.GREATER

    def same(self, instances: OpenFiles) -> bool:
        """Whether the numbers divide the places as the files do."""
        pairs = {(file, instances.file(place)) for place, file in self.files.items()}
        return len(pairs) == len({file for file, _ in pairs}) == len({number for _, number in pairs - {(0, 0)}})


@contextmanager
def kernels() -> Iterator[Kernel]:
    kernel = Kernel()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kcmp, "compare", kernel.compare)
        patch.setattr(kcmp, "available", lambda: True)
        yield kernel


PLACES = st.tuples(st.integers(1, 3), st.integers(3, 12))
SCANS = st.lists(st.dictionaries(PLACES, st.integers(0, 14)), min_size=1, max_size=8)


@given(SCANS)
def test_numbers_follow_files(scans: list[dict[Slot, int]]) -> None:
    with kernels() as kernel:
        instances = OpenFiles(kcmp.compare)
        used: set[int] = set()
        for files in scans:
            before, kernel.files = kernel.files, files
            numbers = {place: instances.file(place) for place in before}
            stayed = {place for place in files if before.get(place) == files[place]}
            instances.update(before.keys() - stayed, sorted(files.keys() - stayed))
            assert kernel.same(instances)
            assert all(instances.file(place) == numbers[place] for place in stayed)
            now = {instances.file(place) for place in files}
            assert not (now - set(numbers.values())) & used
            used |= now
            assert all(instances.file(place) == 0 for place in before.keys() - files.keys())


@given(SCANS)
def test_silently_reopened_descriptors_are_found_out(scans: list[dict[Slot, int]]) -> None:
    with kernels() as kernel:
        instances = OpenFiles(kcmp.compare)
        for files in scans:
            before, kernel.files = kernel.files, files
            instances.update(before.keys() - files.keys(), sorted(files.keys() - before.keys()))
        for _ in range(10):
            if not instances.update((), ()):
                break
        assert kernel.same(instances)


def test_a_number_goes_where_most_of_its_descriptors_go() -> None:
    with kernels() as kernel:
        instances = OpenFiles(kcmp.compare)
        kernel.files = {(1, 3): 5, (1, 4): 5, (2, 3): 5, (3, 3): 7, (3, 4): 7}
        instances.update((), sorted(kernel.files))
        five, seven = instances.file((1, 3)), instances.file((3, 3))
        kernel.files[1, 3] = 6
        assert instances.update((), ()) >= {1, 2}
        assert instances.file((1, 4)) == instances.file((2, 3)) == five
        split = instances.file((1, 3))
        assert split not in (0, five, seven)
        kernel.files = dict.fromkeys(kernel.files, 9)
        while instances.update((), ()):
            pass
        assert {instances.file(place) for place in kernel.files} == {five}


def test_what_may_not_be_compared_is_an_instance_of_its_own_and_stays_one() -> None:
    with kernels() as kernel:
        instances = OpenFiles(kcmp.compare)
        kernel.files = {(1, 3): 1, (1, 4): 1, (2, 3): 1, (2, 4): 2}
        kernel.denied = {(1, 3), (2, 4)}
        instances.update((), sorted(kernel.files))
        numbers = {place: instances.file(place) for place in kernel.files}
        assert numbers[1, 4] == numbers[2, 3]
        assert len(set(numbers.values())) == 3
        instances.update((), ())
        kernel.files[3, 3] = 1
        instances.update((), [(3, 3)])
        assert instances.file((3, 3)) == numbers[1, 4]
        assert {place: instances.file(place) for place in numbers} == numbers


def test_a_representative_that_goes_meanwhile_is_replaced_by_another() -> None:
    with kernels() as kernel:
        instances = OpenFiles(kcmp.compare)
        kernel.files = {(1, 3): 1, (2, 3): 1, (1, 4): 2}
        instances.update((), sorted(kernel.files))
        number = instances.file((2, 3))
        kernel.files = {(2, 3): 1, (3, 3): 1, (3, 4): 2, (3, 5): 3}
        assert instances.update((), [(3, 3), (3, 4), (3, 5)]) >= {1, 3}
        assert instances.file((3, 3)) == instances.file((2, 3)) == number
        assert instances.file((1, 3)) == instances.file((1, 4)) == 0
        assert len({instances.file((3, fd)) for fd in (3, 4, 5)} - {0}) == 3
