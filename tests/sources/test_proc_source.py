"""Censuses and interest lists from /proc and kcmp(2) alone."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from epolltop.errors import SourceUnavailable
from epolltop.model.batch import Batch
from epolltop.model.holding import Descriptor, Holding
from epolltop.model.limits import HIDEPID, NO_KCMP, ONLY_PROC, Limit
from epolltop.model.process import ProcessKey
from epolltop.own_process.pace import Deadline
from epolltop.proc import kcmp, scan
from epolltop.proc.fd import EpollFds
from epolltop.sources import Wanted
from epolltop.sources.proc_source import ProcSource
from tests.waiting import eventually

from .obedient import children

ROOT = Path(__file__).parents[2]
real = pytest.mark.skipif(not kcmp.available(), reason="kcmp(2) does not work here")


class Watcher:
    """A source and the last census it gave."""

    def __init__(self, *, include_self: bool = False) -> None:
        self.source = ProcSource(include_self=include_self)
        self.source.open()
        self.holdings: list[Holding] = []
        self.batch: Batch | None = None

    def look(self, focus: Mapping[int, Descriptor] | None = None) -> Batch:
        self.batch = self.source.poll(Wanted(focus or {}))
        if self.batch.census:
            self.holdings = list(self.batch.census.holdings)
        return self.batch

    def of(self, *pids: int) -> dict[tuple[int, int], int]:
        """Files by descriptor, after another look."""
        self.look()
        return {(held.pid, held.fd): held.file for held in self.holdings if held.pid in pids}


@pytest.fixture(name="watcher")
def _watcher(monkeypatch: pytest.MonkeyPatch) -> Watcher:
    """On a busy machine a walk would be left off before it comes to our children."""
    monkeypatch.setattr(scan, "WALK_S", 60.0)
    return Watcher()


def test_what_a_batch_says(watcher: Watcher) -> None:
    with children() as [child]:
        child.do("keep = [select.epoll() for _ in range(3)]")
        batch = watcher.look()
        mine = [held for held in watcher.holdings if held.pid == child.pid]
        assert batch.census is not None
        assert batch.since_ns < batch.census.started_ns < batch.now_ns
        assert len(mine) == 3
        (process,) = (process for key, process in batch.processes.items() if key.pid == child.pid)
        assert {(held.pid, held.start) for held in mine} == {process.key}
        assert {(held.created_ns, held.argument, held.syscall) for held in mine} == {(0, 0, 0)}
        assert (process.ppid, process.fds) == (os.getpid(), 6)
        assert (batch.events, batch.counts, batch.watches) == ((), {}, {})
        assert (batch.source.kind, batch.source.exact) == ("proc", False)
        assert [probe.name for probe in batch.source.probes] == ["epoll_create", "files_free"]
        assert batch.cost.cpu_ns > 0
        assert batch.cost.rss_bytes > 1 << 20
        assert watcher.holdings[0].file >= 1
    watcher.source.close()
    watcher.source.close()


def test_a_scan_without_change_gives_the_same_holdings(tmp_path: Path) -> None:
    fds = tmp_path / "1" / "fd"
    fds.mkdir(parents=True)
    fds.joinpath("4").symlink_to("anon_inode:[eventpoll]")
    (tmp_path / "1" / "stat").write_text("1 (init) S " + " ".join("9" * 50))
    only_proc = Limit.of(ONLY_PROC, cause="btf", state="missing")
    quiet = ProcSource(root=str(tmp_path), only_proc=only_proc)
    first, second = quiet.poll(), quiet.poll()
    fds.joinpath("5").symlink_to("anon_inode:[eventpoll]")
    third = quiet.poll()
    assert first.census is not None
    assert second.census is not None
    assert third.census is not None
    assert second.census.holdings is first.census.holdings
    assert [(held.pid, held.fd) for held in first.census.holdings] == [(1, 4)]
    assert [(held.pid, held.fd) for held in third.census.holdings] == [(1, 4), (1, 5)]
    assert second.census.started_ns > first.now_ns
    assert first.source.limits[0] == only_proc
    assert Limit(HIDEPID) not in first.source.limits


def test_hidden_processes_are_told(tmp_path: Path) -> None:
    (tmp_path / "42").mkdir()
    assert Limit(HIDEPID) in ProcSource(root=str(tmp_path)).poll().source.limits


def test_ourselves_are_left_out_unless_asked_for() -> None:
    with select.epoll() as instance:
        mine = (os.getpid(), instance.fileno())
        assert mine not in Watcher().of(os.getpid())
        assert mine in Watcher(include_self=True).of(os.getpid())


@real
def test_primes_of_instances_are_told_apart(watcher: Watcher) -> None:
    primes = [2, 3, 5, 7, 11, 13]
    with children(len(primes)) as family:
        for child, prime in zip(family, primes, strict=True):
            child.do(f"keep = [select.epoll() for _ in range({prime})]")
        files = watcher.of(*(child.pid for child in family))
        assert len(files) == len(set(files.values())) == sum(primes)
        for child, prime in zip(family, primes, strict=True):
            assert sum(pid == child.pid for pid, _ in files) == prime


@real
def test_dup_and_fork_add_descriptors_not_instances(watcher: Watcher) -> None:
    with children() as [child]:
        child.do("keep = [select.epoll() for _ in range(5)]; copies = [os.dup(one.fileno()) for one in keep[:2]]")
        before = watcher.of(child.pid)
        assert (len(before), len(set(before.values()))) == (7, 5)
        forked = child.fork()
        after = watcher.of(child.pid, forked)
        assert {place: after[place] for place in before} == before
        assert {(forked, fd): file for (_, fd), file in before.items()} == {
            place: file for place, file in after.items() if place[0] == forked
        }
        child.do("keep.clear()")
        assert set(watcher.of(child.pid, forked).values()) == set(before.values())


@real
def test_a_passed_instance_keeps_its_number_when_its_maker_dies(watcher: Watcher) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, children(2, keep=(ours.fileno(), theirs.fileno())) as [maker, taker]:
        maker.do("one = select.epoll(); result = one.fileno()")
        (file,) = watcher.of(maker.pid).values()
        maker.do(f"socket.send_fds(socket.socket(fileno={ours.fileno()}), [b'x'], [one.fileno()])")
        taker.do(f"result = socket.recv_fds(socket.socket(fileno={theirs.fileno()}), 1, 1)[1][0]")
        both = watcher.of(maker.pid, taker.pid)
        assert (len(both), set(both.values())) == (2, {file})
        maker.end()
        left = watcher.of(maker.pid, taker.pid)
        assert [(pid, number) for (pid, _), number in left.items()] == [(taker.pid, file)]
        batch = watcher.look()
        assert taker.pid in {key.pid for key in batch.processes}
        assert maker.pid not in {key.pid for key in batch.processes}


def test_numbers_stay_and_are_not_used_again(watcher: Watcher) -> None:
    with children() as [child]:
        child.do("keep = {n: select.epoll() for n in range(5)}")
        first = watcher.of(child.pid)
        assert watcher.of(child.pid) == first
        gone = child.do("result = keep[2].fileno(); keep[2].close(); del keep[2]")
        without = watcher.of(child.pid)
        assert without == {place: file for place, file in first.items() if place != (child.pid, gone)}
        child.do("keep.update({n: select.epoll() for n in range(10, 14)})")
        more = watcher.of(child.pid)
        assert {place: more[place] for place in without} == without
        assert min(set(more.values()) - set(without.values())) > max(first.values())
    assert watcher.of(child.pid) == {}


def test_interest_lists_are_measured_for_the_focus_only(watcher: Watcher) -> None:
    with children() as [child]:
        child.do("pipes = [os.pipe() for _ in range(11)]; one = select.epoll(); two = select.epoll()")
        fd = child.do("[one.register(end[0]) for end in pipes]; result = one.fileno()")
        file = watcher.of(child.pid)[child.pid, fd]
        who = ProcessKey(child.pid, 0)
        focus = {file: Descriptor(who, fd), 10**9: Descriptor(who, 0)}
        assert watcher.look(focus).watches == {file: 11}
        eventually(lambda: watcher.look(focus).watches == {file: 11})
        assert watcher.look().watches == {}


@real
def test_whether_a_descriptor_is_closed_on_exec_is_told_once_its_list_was_measured(watcher: Watcher) -> None:
    with children() as [child]:
        fd = child.do("one = select.epoll(); other = select.epoll(); result = one.fileno()")
        file = watcher.of(child.pid)[child.pid, fd]
        focus = {file: Descriptor(ProcessKey(child.pid, 0), fd)}

        def told(focus: Mapping[int, Descriptor]) -> list[bool | None]:
            watcher.look(focus)
            return [held.cloexec for held in watcher.holdings if held.pid == child.pid]

        assert told({}) == [None, None]
        assert told(focus) == [True, None]
        child.do("os.set_inheritable(one.fileno(), True)")
        assert told({}) == [True, None], "nobody looks"
        eventually(lambda: told(focus) == [False, None])
        assert told({}) == [False, None]
        child.do("one.close()")
        assert told({}) == [None]
        child.do("one = select.epoll()")
        assert told({}) == [None, None], "another one"


def test_an_interest_list_is_not_taken_for_that_of_another_instance(watcher: Watcher) -> None:
    with children() as [child]:
        fd = child.do("one = select.epoll(); two = select.epoll(); two.register(0); result = one.fileno()")
        file = watcher.of(child.pid)[child.pid, fd]
        # Most of its descriptors keep the number of the other one, whatever the order in which they are compared.
        child.do("copies = [os.dup(two.fileno()) for _ in range(3)]; kept = os.dup(one.fileno())")
        assert watcher.of(child.pid)[child.pid, fd] == file
        child.do("os.dup2(two.fileno(), one.fileno())")
        eventually(lambda: watcher.of(child.pid)[child.pid, fd] != file)
        assert watcher.look({file: Descriptor(ProcessKey(child.pid, 0), fd)}).watches == {}


def test_a_process_that_ends_between_two_reads_is_left_out(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    read = watcher.source._procfs.epoll_fds
    with children(2) as [doomed, other]:
        for child in (doomed, other):
            child.do("keep = [select.epoll() for _ in range(3)]")

        def read_and_kill(pid: int, deadline: Deadline | None = None) -> EpollFds:
            table = read(pid, deadline)
            if pid == doomed.pid:
                doomed.end()
            return table

        monkeypatch.setattr(watcher.source._procfs, "epoll_fds", read_and_kill)
        assert {pid for pid, _ in watcher.of(doomed.pid, other.pid)} == {other.pid}


@real
def test_descriptors_closed_before_they_are_compared_are_left_out(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = watcher.source._procfs.process
    with children(2) as [closing, other]:
        for child in (closing, other):
            child.do("keep = [select.epoll() for _ in range(3)]")

        def close_and_read(*key: object) -> object:
            closing.do("keep.clear()")
            return process(*key)  # type: ignore[arg-type]

        monkeypatch.setattr(watcher.source._procfs, "process", close_and_read)
        assert {pid for pid, _ in watcher.of(closing.pid, other.pid)} == {other.pid}
        assert closing.pid not in watcher.source._scan._tables


def test_without_kcmp_every_descriptor_is_an_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kcmp, "available", lambda: False)
    watcher = Watcher()
    with children() as [child]:
        child.do("one = select.epoll(); two = os.dup(one.fileno())")
        files = watcher.of(child.pid)
        assert len(set(files.values())) == 2
        assert watcher.of(child.pid) == files
    source = watcher.look().source
    assert Limit(NO_KCMP) in source.limits
    assert source.census_by == "/proc"


def test_no_proc_no_source(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "missing"):
        with pytest.raises(SourceUnavailable) as caught:
            ProcSource(root=str(root)).open()
        assert caught.value.evidence["cause"] == "no_proc"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_a_plain_user_sees_the_own_processes_and_counts_the_others() -> None:
    code = (
        "import os, select; from epolltop.sources.proc_source import ProcSource\n"
        "keep = [select.epoll() for _ in range(3)]\n"
        "source = ProcSource(include_self=True); source.open(); batch = source.poll()\n"
        "print(os.getpid(), len({held.file for held in batch.census.holdings if held.pid == os.getpid()}),\n"
        "      batch.source.unreadable, *{held.pid for held in batch.census.holdings})"
    )
    with children() as [stranger]:
        stranger.do("keep = select.epoll()")
        try:
            done = subprocess.run(
                [sys.executable, "-c", code],
                user=65534,
                group=65534,
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        except PermissionError:
            pytest.skip("the checkout or its Python is private")
        assert done.stderr == ""
        me, mine, unreadable, *seen = map(int, done.stdout.split())
        assert mine == 3
        assert unreadable >= 2
        assert me in seen
        assert stranger.pid not in seen
