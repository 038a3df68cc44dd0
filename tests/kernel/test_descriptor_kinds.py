"""The descriptors of a process by kind, as the two censuses count them, beside /proc/PID/fd and lsfd."""

from __future__ import annotations

import collections
import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.limits import TABLE_FULL
from epolltop.model.thread_waits import ThreadWaits
from epolltop.own_process.pace import Deadline
from epolltop.proc.fd import read_epoll_fds
from epolltop.sources.bpf.sizes import SIZES
from tests.waiting import eventually
from tests.workloads.client import Actor
from tests.workloads.kinds import SORTS

from .observing import Observing, observe, observe_by_proc

pytestmark = pytest.mark.kernel

LINKS = {
    "socket": r"socket:\[\d+\]",
    "pipe": r"pipe:\[\d+\]",
    "file": r"/.*",
    "epoll": r"anon_inode:\[eventpoll\]",
    "eventfd": r"anon_inode:\[eventfd\]",
    "timerfd": r"anon_inode:\[timerfd\]",
    "inotify": r"anon_inode:inotify",
    "io_uring": r"anon_inode:\[io_uring\]",
}


@pytest.fixture(name="by", params=["census", "proc"])
def _by(request: pytest.FixtureRequest, observing: Observing) -> Iterator[Observing]:
    if request.param == "census":
        yield observing
    else:
        with observe_by_proc() as by_proc:
            yield by_proc


def by_hand(*tasks: int) -> Descriptors:
    """What /proc shows of these tables."""
    links = [os.readlink(f"/proc/{task}/fd/{fd}") for task in tasks for fd in os.listdir(f"/proc/{task}/fd")]
    kinds = [next((kind for kind, link in LINKS.items() if re.fullmatch(link, each)), "other") for each in links]
    return Descriptors(**collections.Counter(kinds))


def counted(by: Observing, pid: int) -> Descriptors:
    """By the source; a walk through /proc of a busy machine may not come to all in time."""
    seen = eventually(lambda: by.row(pid).descriptors)
    assert seen is not None
    return seen


def fill(actor: Actor, count: int) -> set[str]:
    """Opens so many descriptors of each kind that there is here; these kinds."""
    there = set()
    for kind in SORTS:
        actor.begin("open_kind", kind=kind, count=count)
        try:
            actor.answer()
        except AssertionError:
            assert kind == "io_uring", kind  # which an administrator may turn off
            continue
        there.add(kind)
    return there


def test_each_kind_is_counted(by: Observing, actor: Actor) -> None:
    before = by_hand(actor.pid)
    there = fill(actor, 7)
    seen = counted(by, actor.pid)
    assert seen == by_hand(actor.pid)
    assert {kind: getattr(seen, kind) - getattr(before, kind) for kind in SORTS if kind in there} == dict.fromkeys(
        there, 7
    )
    assert seen.total == len(os.listdir(f"/proc/{actor.pid}/fd"))


def test_lsfd_counts_as_many(by: Observing, actor: Actor) -> None:
    if shutil.which("lsfd") is None:
        pytest.skip("no lsfd, which comes with util-linux 2.38")
    fill(actor, 5)
    told = subprocess.run(
        ["lsfd", "--json", "-o", "ASSOC,NAME", "-Q", f"PID == {actor.pid}"], capture_output=True, check=True, text=True
    ).stdout
    names = [each["name"] for each in json.loads(told)["lsfd"] if each["assoc"].isdigit()]
    seen = counted(by, actor.pid)
    assert seen.total == len(names)
    for kind in ("eventfd", "timerfd", "epoll", "io_uring"):
        link = "eventpoll" if kind == "epoll" else kind
        assert getattr(seen, kind) == sum(f"[{link}]" in name and not name.startswith("/") for name in names), kind


def test_copies_count_and_closed_ones_do_not(by: Observing, actor: Actor) -> None:
    actor.create()
    (fd,) = actor.do("open_kind", kind="timerfd", count=1)["fds"]
    copies = [actor.do("dup", fd=fd)["fd"] for _ in range(3)]
    seen = counted(by, actor.pid)
    assert seen.timerfd == 4
    actor.do("close", fds=[fd, *copies[1:]])
    seen = counted(by, actor.pid)
    assert seen.timerfd == 1


def test_a_child_has_its_own(by: Observing, actor: Actor) -> None:
    actor.create()
    actor.do("open_kind", kind="eventfd", count=3)
    child = actor.do("fork")["pid"]
    actor.child(child, "open_kind", kind="eventfd", count=2)
    assert counted(by, child) == by_hand(child)
    assert counted(by, actor.pid) == by_hand(actor.pid)
    assert (by_hand(actor.pid).eventfd, by_hand(child).eventfd) == (3, 5)


def test_processes_that_share_a_table_have_all_of_it_each(by: Observing, actor: Actor) -> None:
    actor.create()
    other = actor.do("share_table")
    actor.do("open_kind", kind="inotify", count=4)
    assert counted(by, actor.pid) == counted(by, other["pid"]) == by_hand(actor.pid)
    actor.do("close", fds=[other["end"]])


def test_a_table_that_threads_share_is_counted_once(by: Observing, actor: Actor) -> None:
    actor.create()
    actor.do("open_kind", kind="socket", count=9)
    actor.do("outlive_leader", threads=5)
    seen = counted(by, actor.pid)
    assert seen.socket == 9


def test_a_table_that_a_thread_has_for_itself_counts_too(observing: Observing, actor: Actor) -> None:
    actor.create()
    actor.do("open_kind", kind="socket", count=6)
    assert actor.do("own_table_in_thread")["failed"] == 0
    actor.do("open_kind", kind="pipe", count=1)
    tasks = [int(task) for task in os.listdir(f"/proc/{actor.pid}/task")]
    assert counted(observing, actor.pid) == by_hand(*tasks)


def test_all_tables_count_whichever_has_the_instance(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    actor.do("open_kind", kind="socket", count=6)
    assert actor.do("own_table_in_thread")["failed"] == 0
    actor.do("close", fds=[fd])
    tasks = [int(task) for task in os.listdir(f"/proc/{actor.pid}/task")]
    assert counted(observing, actor.pid) == by_hand(*tasks)
    assert by_hand(actor.pid).epoll == 0


def test_without_a_thread_in_epoll_the_others_are_looked_at(by: Observing, actor: Actor) -> None:
    fd = actor.create()
    assert eventually(lambda: by.row(actor.pid).thread_waits) == ThreadWaits()
    actor.do("wait_in_thread", fd=fd)
    eventually(lambda: by.row(actor.pid).thread_waits is None)
    actor.do("wake")


def test_who_has_let_go_of_its_instances_is_still_counted(observing: Observing, actor: Actor) -> None:
    actor.do("pairs", count=1)
    actor.do("open_kind", kind="timerfd", count=2)
    assert counted(observing, actor.pid) == by_hand(actor.pid)


def test_who_is_gone_is_not_counted(observing: Observing) -> None:
    with Actor() as actor:
        actor.create()
        key = observing.row(actor.pid).key
        assert key in observing.batch.descriptors
    eventually(lambda: observing.refresh() and key not in observing.batch.descriptors)


@pytest.mark.parametrize("seed", range(4))
def test_any_mixture(by: Observing, actor: Actor, seed: int) -> None:
    chance, open_fds = random.Random(seed), [actor.create()]
    for _ in range(chance.randrange(30)):
        match chance.choice(("open", "dup", "close", "fork")):
            case "open":
                kind = chance.choice([kind for kind in SORTS if kind != "io_uring"])
                open_fds += actor.do("open_kind", kind=kind, count=chance.randrange(40))["fds"]
            case "dup":
                open_fds.append(actor.do("dup", fd=chance.choice(open_fds))["fd"])
            case "close" if len(open_fds) > 2:
                actor.do("close", fds=[open_fds.pop(chance.randrange(1, len(open_fds)))])
    assert counted(by, actor.pid) == by_hand(actor.pid)


def test_without_room_nothing_is_known_of_a_process() -> None:
    with observe(sizes=replace(SIZES, processes=3)) as narrow, ExitStack() as opened:
        actors = [opened.enter_context(Actor()) for _ in range(5)]
        for actor in actors:
            actor.create()
        seen = [narrow.row(actor.pid).descriptors for actor in actors]
        assert None in seen
        assert all(each in (None, by_hand(actor.pid)) for each, actor in zip(seen, actors, strict=True))
        assert len(narrow.batch.descriptors) <= 3
        (refused,) = [
            limit.number("refused")
            for limit in narrow.batch.source.limits
            if limit.id == TABLE_FULL and limit.text("probe") == "census"
        ]
        assert refused >= 2


def test_without_time_to_read_a_table_nothing_is_known_of_it(actor: Actor) -> None:
    actor.create()
    assert read_epoll_fds("/proc", actor.pid, Deadline(-1)).descriptors is None
