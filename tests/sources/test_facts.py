"""Facts about processes, read again in turn: those that acted before those that did not."""

from __future__ import annotations

from pathlib import Path

import pytest

from epolltop.model.batch import ProcessKey
from epolltop.sources import facts
from epolltop.sources.facts import Facts
from epolltop.sources.procfs import Procfs

from .test_procfs import Tree

KEYS = dict.fromkeys(ProcessKey(pid, 500) for pid in range(1, 8))


class Watched:
    """Processes that rename themselves before each poll, so that it shows who is read."""

    def __init__(self, root: Path) -> None:
        self._tree = Tree(root)
        self._facts = Facts(Procfs(str(root)))
        self._polls = 0

    def read(self, *acted: int) -> set[int]:
        """Pids that a poll reads."""
        self._polls += 1
        name = f"poll {self._polls}"
        for pid, _ in KEYS:
            self._tree.add(pid, name.encode())
        found = self._facts.of(KEYS, {ProcessKey(pid, 500) for pid in acted})
        assert found.keys() == KEYS.keys()
        return {key.pid for key, process in found.items() if process.name == name}


@pytest.fixture(name="watched")
def _watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
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
