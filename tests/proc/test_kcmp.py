from __future__ import annotations

import errno
import os
import random
import select
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.proc import kcmp

real = pytest.mark.skipif(not kcmp.available(), reason="kcmp(2) does not work here")
ME = os.getpid()


@contextmanager
def forked() -> Iterator[int]:
    """A child with copies of all our descriptors."""
    pid = os.fork()
    if not pid:
        signal.pause()
        os._exit(0)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


class Kernel:
    """Files by place, ordered by number; places can be closed or denied, at once or at a later call."""

    def __init__(self, files: dict[kcmp.Slot, int]) -> None:
        self.files = files
        self.denied: set[int] = set()
        self.closing: dict[int, kcmp.Slot] = {}
        self.calls = 0

    def compare(self, pid1: int, fd1: int, pid2: int, fd2: int) -> int:
        self.calls += 1
        self.files.pop(self.closing.get(self.calls, (0, 0)), None)
        if {pid1, pid2} & self.denied:
            raise OSError(errno.EPERM, "denied")
        try:
            one, other = self.files[pid1, fd1], self.files[pid2, fd2]
        except KeyError:
            raise OSError(errno.EBADF, "closed") from None
        return kcmp.SAME if one == other else kcmp.LESS if one < other else kcmp.GREATER


@real
def test_dup_and_fork_share_a_file_and_another_instance_does_not() -> None:
    with closing(select.epoll()) as one, closing(select.epoll()) as other:
        copy = os.dup(one.fileno())
        try:
            with forked() as child:
                assert kcmp.compare(ME, one.fileno(), ME, copy) == kcmp.SAME
                assert kcmp.compare(ME, one.fileno(), child, one.fileno()) == kcmp.SAME
                assert kcmp.compare(ME, one.fileno(), child, other.fileno()) != kcmp.SAME
        finally:
            os.close(copy)


@real
def test_order_is_antisymmetric_and_stays() -> None:
    with closing(select.epoll()) as one, closing(select.epoll()) as other:
        ways = {kcmp.compare(ME, one.fileno(), ME, other.fileno()) for _ in range(100)}
        back = kcmp.compare(ME, other.fileno(), ME, one.fileno())
    assert ways in ({kcmp.LESS}, {kcmp.GREATER})
    assert {*ways, back} == {kcmp.LESS, kcmp.GREATER}


@real
def test_what_is_gone_says_so() -> None:
    with closing(select.epoll()) as one:
        fd = one.fileno()
        with forked() as child:
            assert kcmp.state((child, fd), kcmp.compare) is kcmp.SlotState.THERE
        assert kcmp.state((child, fd), kcmp.compare) is kcmp.SlotState.GONE
        with pytest.raises(ProcessLookupError):
            kcmp.compare(ME, fd, child, fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        kcmp.compare(ME, fd, ME, fd)


@real
def test_real_files_are_grouped() -> None:
    files = [select.epoll() for _ in range(101)]
    copies = [os.dup(file.fileno()) for file in files[::3]]
    try:
        with forked() as child:
            places = [(pid, fd) for pid in (ME, child) for fd in [file.fileno() for file in files] + copies]
            random.Random(7).shuffle(places)
            groups, apart = kcmp.group(places, kcmp.compare)
        for fd in copies:
            os.close(fd)
    finally:
        for file in files:
            file.close()
    assert apart == []
    assert sorted(map(len, groups)) == [2] * 67 + [4] * 34
    assert sorted(place for group in groups for place in group) == sorted(places)


@given(st.lists(st.integers(0, 40), max_size=80))
def test_groups_come_in_order_with_few_calls(files: list[int]) -> None:
    kernel = Kernel({(1, fd): file for fd, file in enumerate(files)})
    groups, apart = kcmp.group(kernel.files, kernel.compare)
    assert apart == []
    found = [{kernel.files[place] for place in group} for group in groups]
    assert found == [{file} for file in sorted(set(files))]
    assert sum(map(len, groups)) == len(files)
    assert kernel.calls <= len(files) * max(1, (len(files) - 1).bit_length())


@given(
    st.lists(st.integers(0, 20), min_size=2, max_size=50),
    st.dictionaries(st.integers(1, 150), st.integers(0, 49), max_size=20),
    st.sets(st.integers(0, 4), max_size=2),
)
def test_whatever_vanishes_or_is_denied_the_rest_is_right(
    files: list[int], closing_at: dict[int, int], denied: set[int]
) -> None:
    everything = {(fd % 5, fd): file for fd, file in enumerate(files)}
    kernel = Kernel(dict(everything))
    kernel.denied = denied
    kernel.closing = {call: (fd % 5, fd) for call, fd in closing_at.items()}
    groups, apart = kcmp.group(everything, kernel.compare)
    placed = [*(place for group in groups for place in group), *apart]
    assert len(placed) == len(set(placed))
    assert set(placed) >= {place for place in kernel.files if place[0] not in denied}
    assert {place for place in everything if place[0] in denied} & kernel.files.keys() <= set(placed)
    assert all(len({everything[place] for place in group}) == 1 for group in groups)
    assert {pid for pid, _ in apart} <= denied
    assert not {place[0] for group in groups for place in group} & denied
    open_files = [everything[group[0]] for group in groups]
    assert len(open_files) == len(set(open_files))


@pytest.mark.parametrize("places", [[], [(1, 3)], [(1, 3), (1, 4), (1, 3)]])
def test_without_kcmp_nothing_is_grouped(places: list[kcmp.Slot]) -> None:
    groups, apart = kcmp.group(places, kcmp.refused)
    assert (groups, sorted(apart)) == ([], sorted(set(places)))


def test_an_unknown_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kcmp, "_NUMBER", 0)
    with pytest.raises(NotImplementedError):
        kcmp.compare(ME, 0, ME, 0)


def test_a_kernel_without_kcmp_is_not_taken_for_a_vanished_process() -> None:
    def missing(*_: int) -> int:
        raise OSError(errno.ENOSYS, "not implemented")

    with pytest.raises(OSError, match="not implemented"):
        kcmp.state((1, 1), missing)
    kernel = Kernel({(1, 1): 1})
    assert kcmp.state((1, 1), kernel.compare) is kcmp.SlotState.THERE
