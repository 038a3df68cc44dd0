"""Facts about processes, read again in turn: those that acted before those that did not. Interest lists: at a pace."""

from __future__ import annotations

import os
import select
import time
from collections import Counter
from collections.abc import Container, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from epolltop.model.holding import Descriptor
from epolltop.model.process import ProcessKey
from epolltop.proc.fdinfo import Measured
from epolltop.proc.procfs import Procfs
from epolltop.sources import process_cache as facts
from epolltop.sources.process_cache import Facts
from tests.proc.proc_tree import LONG, LONG_FD, LONG_LIST, Tree, child, key

KEYS = dict.fromkeys(ProcessKey(pid, 500) for pid in range(1, 8))


class Watched:
    """Processes that rename themselves before each poll, so that it shows who is read."""

    def __init__(self, root: Path) -> None:
        self._tree = Tree(root)
        self._facts = Facts(Procfs(str(root)))
        self._polls = 0

    def read(self, *acted: int, shown: tuple[int, ...] = ()) -> set[int]:
        """Pids that a poll reads."""
        self._polls += 1
        name = f"poll {self._polls}"
        for pid, _ in KEYS:
            self._tree.add(pid, name.encode())
        keys = ({ProcessKey(pid, 500) for pid in pids} for pids in (acted, shown))
        found = self._facts.of(KEYS, *keys)
        assert found.keys() == KEYS.keys()
        return {key.pid for key, process in found.items() if process.name == name}


@pytest.fixture(name="watched")
def _watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(facts, "SHOWN", 2)
    monkeypatch.setattr(facts, "BUSY", 2)
    monkeypatch.setattr(facts, "IDLE", 3)
    return Watched(tmp_path)


def test_new_ones_are_read_at_once_and_then_all_in_turn(watched: Watched) -> None:
    assert watched.read() == {1, 2, 3, 4, 5, 6, 7}
    assert [watched.read() for _ in range(3)] == [{1, 2, 3}, {4, 5, 6}, {7, 1, 2}]


def test_who_acted_is_read_besides_and_the_oldest_of_them_first(watched: Watched) -> None:
    watched.read()
    assert watched.read(7) == {1, 2, 3, 7}
    # The oldest first: 4, 5, 6, 7, 1, 2, 3.
    assert watched.read(2, 3, 6) == {6, 2} | {4, 5, 7}
    assert watched.read(*(pid for pid, _ in KEYS)) == {1, 3}


def test_who_is_looked_at_is_read_each_time_whoever_acts(watched: Watched) -> None:
    watched.read()
    assert [watched.read(shown=(6, 7)) for _ in range(3)] == [{6, 7, 1, 2, 3}, {6, 7, 4, 5, 1}, {6, 7, 2, 3, 4}]
    everybody = [pid for pid, _ in KEYS]
    assert [watched.read(*everybody, shown=(7,)) for _ in range(3)] == [{7, 5, 1}, {7, 6, 2}, {7, 3, 4}]


def test_who_acted_is_read_also_if_more_are_looked_at_than_can_be_read(watched: Watched) -> None:
    watched.read()
    everybody = tuple(pid for pid, _ in KEYS)
    assert [watched.read(7, shown=everybody) & {7} for _ in range(3)] == [{7}] * 3
    assert set().union(*(watched.read(shown=everybody) for _ in range(4))) == set(everybody)


def watches(known: Facts, focus: Mapping[int, Descriptor], doubtful: Container[int] = ()) -> dict[int, int]:
    return {file: measured.watches for file, measured in known.measured(focus, doubtful).items()}


class Timed(Procfs):
    """Keeps account of how long each process was held up."""

    def __init__(self) -> None:
        super().__init__()
        self.took: Counter[int] = Counter()
        self.last: Counter[int] = Counter()

    def measure(self, pid: int, fd: int) -> Measured | None:
        began = time.perf_counter_ns()
        measured = super().measure(pid, fd)
        self.last[pid] = time.perf_counter_ns() - began
        self.took[pid] += self.last[pid]
        return measured


def test_no_instance_is_held_up_for_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    share = 0.1
    monkeypatch.setattr(facts, "WATCHING_SHARE", share)
    procfs = Timed()
    known = Facts(procfs)
    polls: list[dict[int, int]] = []
    with child(LONG_LIST) as long, child("instance = select.epoll(); instance.register(0)") as short:
        focus = {
            1: Descriptor(ProcessKey(long.pid, 0), LONG_FD),
            2: Descriptor(ProcessKey(short.pid, 0), 3),
        }
        began = time.perf_counter_ns()
        while time.perf_counter_ns() - began < 1e9:
            polls.append(watches(known, focus))
            time.sleep(0.01)
        elapsed = time.perf_counter_ns() - began
    assert polls[0] == {1: LONG, 2: 1}
    reads = Counter(file for poll in polls for file in poll)
    assert reads[2] > reads[1]
    assert procfs.took[long.pid] <= elapsed * share + procfs.last[long.pid]


def test_who_left_the_focus_keeps_its_pace_and_another_instance_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "WATCHING_SHARE", 1e-6)
    known = Facts(Procfs())
    with closing(select.epoll()) as instance:
        focus = {1: Descriptor(ProcessKey(os.getpid(), 0), instance.fileno())}
        assert watches(known, focus) == {1: 0}
        assert watches(known, {}) == {}
        assert watches(known, focus) == {}
        assert watches(known, focus, {1}) == {}
        assert watches(known, focus) == {1: 0}


def test_a_list_of_whoever_has_the_pid_now_is_not_taken() -> None:
    procfs = Procfs()
    start = procfs.start_ticks(os.getpid())
    assert start
    with closing(select.epoll()) as instance:
        place = Descriptor(ProcessKey(os.getpid(), start), instance.fileno())
        former = Descriptor(ProcessKey(os.getpid(), start - 1), instance.fileno())
        assert watches(Facts(procfs), {1: place, 2: former}) == {1: 0}


def test_who_was_named_lives_until_it_exits_whether_its_parent_asks_or_not() -> None:
    with child("") as process:
        who = key(process.pid)
        known = Facts(Procfs(), [process.pid])
        assert known.asked() == {who}
        assert known.of({who}).keys() == {who}
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert known.asked() == set()
        assert known.of({who}) == {}
