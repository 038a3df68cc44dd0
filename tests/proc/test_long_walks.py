"""A /proc with more in it than is read or compared at a time: everybody has a turn, and nothing is said to be gone."""

from __future__ import annotations

import os

import pytest

from epolltop.model.event import Kind
from epolltop.model.limits import WALK_CUT
from epolltop.own_process.pace import Deadline
from epolltop.own_process.users import Users
from epolltop.proc import scan
from epolltop.proc.fd import EpollFds
from epolltop.proc.procfs import Procfs
from epolltop.proc.scan import Scan, Scanned
from tests.support.records import batch, source
from tests.support.watched import Watched
from tests.workloads.client import Actor


class Walks:
    """Looks again and again, and knows what a front end would."""

    def __init__(self) -> None:
        self._scan = Scan(Procfs(), include_self=False)
        self._world = Watched(tell_all=True)
        self.gone: list[int] = []

    def take(self) -> Scanned:
        scanned = self._scan.take()
        by = source(created=False, released=False)
        self._world.apply(batch(scanned.census.started_ns + 1, (), scanned.census, by=by, alive=()))
        self.snapshot = self._world.look()
        self.gone += [event.pid for event in self.snapshot.news if event.kind is Kind.GONE]
        return scanned

    def open(self, pid: int) -> int:
        """Instances that are known of a process."""
        return sum(row.open for row in self.snapshot.processes if row.pid == pid)


def test_new_descriptors_are_sorted_in_by_and_by(monkeypatch: pytest.MonkeyPatch) -> None:
    walks = Walks()
    with Actor() as hoarder, Actor() as other:
        walks.take()
        monkeypatch.setattr(scan, "FRESH_MAX", 100)
        hoarder.do("hold", count=250)
        fd = other.create()
        opens = []
        for _ in range(3):
            scanned = walks.take()
            opens.append(walks.open(hoarder.pid))
            assert walks.open(other.pid) == 1, "who has little does not wait"
        assert opens[0] <= 100
        assert opens[1] <= 200
        assert (opens[2], WALK_CUT in [limit.id for limit in scanned.unseen]) == (250, False)
        assert not {hoarder.pid, other.pid} & set(walks.gone)
        other.do("close", fds=[fd])
        walks.take()
        assert walks.open(other.pid) == 0


def test_a_walk_goes_on_where_time_was_over(monkeypatch: pytest.MonkeyPatch) -> None:
    walks = Walks()
    with Actor() as actor:
        actor.create()
        walks.take()
        assert walks.open(actor.pid) == 1
        monkeypatch.setattr(scan, "WALK_S", -1.0)
        more = actor.create()
        scanned = walks.take()
        assert WALK_CUT in [limit.id for limit in scanned.unseen]
        assert actor.pid in {each.pid for each in scanned.census.cut}
        assert walks.snapshot.partly_listed
        assert walks.open(actor.pid) == 1, "what is known stays"
        monkeypatch.setattr(scan, "WALK_S", 60.0)
        scanned = walks.take()
        assert (walks.open(actor.pid), scanned.census.cut) == (2, frozenset())
        actor.do("close", fds=[more])
        walks.take()
        assert walks.open(actor.pid) == 1


class Counting(Procfs):
    """Each table takes the time of a walk."""

    def __init__(self) -> None:
        super().__init__(users=Users(lambda _: None))
        self.read: list[int] = []

    def epoll_fds(self, pid: int, deadline: Deadline | None = None) -> EpollFds:
        self.read.append(pid)
        while deadline and not deadline.is_over:
            pass
        return super().epoll_fds(pid, deadline)


def test_everybody_has_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "WALK_S", 0.01)
    procfs = Counting()
    walks = Scan(procfs, include_self=False)
    with Actor() as one, Actor() as other:
        for _ in range(len(procfs.pids()) + 20):
            walks.take()
        assert {one.pid, other.pid} <= set(procfs.read)
        assert os.getpid() not in procfs.read


def test_room_is_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "WALK_S", 60.0)  # others on this machine may make a walk long
    walks = Walks()
    walks.take()
    known = walks.snapshot.open
    with Actor() as hoarder, Actor() as other:
        monkeypatch.setattr(scan, "HOLDINGS", known + 50)
        hoarder.do("hold", count=200)
        fds = [other.create() for _ in range(5)]
        scanned = walks.take()
        assert walks.open(other.pid) == len(fds)
        assert walks.open(hoarder.pid) < 200
        assert hoarder.pid in {each.pid for each in scanned.census.cut}
        assert {row.pid for row in walks.snapshot.processes if row.partly_listed} >= {hoarder.pid}
