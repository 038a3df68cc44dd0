"""docs/events/epoll_ctl.md: each statement against the running kernel."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from epolltop.model.ctl_activity import CtlCounts, CtlKey
from epolltop.model.limits import IO_URING_UNSEEN, TABLE_FULL, UNTRACED, Limit
from epolltop.query.ctl_members import CTL_OF_INSTANCE
from epolltop.query.instance_fields import InstanceOf
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.sources.bpf.ladder import ALL
from epolltop.sources.bpf.sizes import SIZES
from tests.docs.pages import Proofs
from tests.workloads.client import Actor

from .fdinfo import interest_list
from .observing import Observing, observe

pytestmark = pytest.mark.kernel

PROOFS = Proofs("epoll_ctl", ("Description",), ("Issues",))

ADD, DEL, MOD = 1, 2, 3
UNKNOWN = 99


@pytest.fixture(name="ctls", scope="module")
def _ctls() -> Iterator[Observing]:
    with observe() as observing:
        if not observing.refresh().source.traces("epoll_ctl"):
            pytest.skip("no probe sees changes of interest lists here")
        yield observing


def counted(observing: Observing, pid: int) -> dict[CtlKey, CtlCounts]:
    """By instance, what a process asked for so far."""
    observing.refresh()
    return {key: counts for key, counts in observing.batch.ctl.items() if key.process.pid == pid}


def one(observing: Observing, pid: int) -> CtlCounts:
    (counts,) = counted(observing, pid).values()
    return counts


def errors(observing: Observing, pid: int) -> dict[str, int]:
    """How calls of a process failed so far."""
    observing.refresh()
    told = observing.batch.ctl_errors.items()
    return {
        f"{key.operation.name}:{errno.errorcode[key.errno]}": count.errors
        for key, count in told
        if key.process.pid == pid
    }


def attached(observing: Observing) -> str:
    """Where the probe is attached."""
    (probe,) = [probe for probe in observing.batch.source.probes if probe.name == "epoll_ctl"]
    return probe.attached_to


def pipe(actor: Actor) -> int:
    reading, _ = actor.do("pipe")["fds"]
    return int(reading)


def by_io_uring(observing: Observing, actor: Actor, fd: int, *calls: list[int]) -> list[dict[str, Any]]:
    """Has io_uring make these changes; what came of them."""
    if "io_" not in attached(observing):
        pytest.skip(f"no probe sees requests for io_uring here, only {attached(observing)}")
    told = actor.do("ctl_by_io_uring", fd=fd, calls=calls)
    if told["results"] is None:
        pytest.skip(f"no io_uring here: {told['why']}")
    results: list[dict[str, Any]] = told["results"]
    return results


@PROOFS("Each call of `epoll_ctl` counts under its operation, whatever it returned.")
def test_each_call_is_counted(ctls: Observing, actor: Actor) -> None:
    fd, target = actor.create(), pipe(actor)
    told = actor.do("ctl", fd=fd, calls=[[ADD, target], [MOD, target], [MOD, target], [DEL, target]], count=10_000)
    assert told["returned"] == {f"{ADD}:0": 10_000, f"{MOD}:0": 20_000, f"{DEL}:0": 10_000}
    actor.do("ctl", fd=fd, calls=[[DEL, target]], count=500)
    counts = one(ctls, actor.pid)
    assert counts._replace(readd=0) == CtlCounts(add=10_000, mod=20_000, delete=10_500)
    row = ctls.row(actor.pid)
    assert row.table("ctl").total == counts
    assert row.table("ctl").per_s("mod") > 0


@PROOFS(
    "A change that was handed to io_uring (`IORING_OP_EPOLL_CTL`) counts under its operation, and as one via io_uring."
)
def test_changes_by_io_uring(ctls: Observing, actor: Actor) -> None:
    fd, target = actor.create(), pipe(actor)
    assert by_io_uring(ctls, actor, fd, *[[ADD, target], [MOD, target], [DEL, target]] * 20) == [{"done": 0}] * 60
    actor.do("ctl", fd=fd, calls=[[ADD, target]])
    counts = one(ctls, actor.pid)
    assert counts._replace(readd=0) == CtlCounts(add=21, mod=20, delete=20, via_io_uring=60)


@PROOFS(
    "A change counts for the process that asked for it and the instance that the descriptor names, also if the "
    "descriptor is a copy or another process created the instance."
)
def test_a_change_counts_for_who_asked(ctls: Observing, actor: Actor) -> None:
    fd, other, target = actor.create(), actor.create(), pipe(actor)
    copy = actor.do("dup", fd=fd)["fd"]
    instances = ctls.instances(actor.pid)
    identity = {(instances[each].file, instances[each].created_ns): each for each in (fd, other)}
    child = actor.do("fork")["pid"]
    for number in (fd, copy, other):
        actor.do("ctl", fd=number, calls=[[ADD, target]])
    actor.child(child, "ctl", fd=copy, calls=[[MOD, target]], count=7)
    told = {
        pid: {identity[key.file, key.created_ns]: counts for key, counts in counted(ctls, pid).items()}
        for pid in (actor.pid, child)
    }
    assert told == {actor.pid: {fd: CtlCounts(add=2), other: CtlCounts(add=1)}, child: {fd: CtlCounts(mod=7)}}
    actor.do("reap", pid=child)


def written(observing: Observing, pid: int, fd: int) -> Any:
    """What a snapshot file says of an instance."""
    snapshot = observing.refresh()
    (row,) = [row for row in snapshot.processes if row.pid == pid]
    (instance,) = [one for one in row.instances if fd in one.fds_of(row.key)]
    return CTL_OF_INSTANCE.get(InstanceOf(instance, row), snapshot)


def test_a_snapshot_tells_it_of_each_instance(ctls: Observing, actor: Actor) -> None:
    fd, other, target = actor.create(), actor.create(), pipe(actor)
    actor.do("ctl", fd=fd, calls=[[ADD, target], [ADD, target], [DEL, target], [ADD, target], [MOD, 4000]])
    nothing = {"add": 0, "mod": 0, "del": 0, "via_io_uring": 0, "readd": 0, "errors": {}}
    assert written(ctls, actor.pid, other) == nothing
    errors = {"ADD:EEXIST": 1, "MOD:EBADF": 1}
    assert written(ctls, actor.pid, fd) == {**nothing, "add": 3, "mod": 1, "del": 1, "readd": 1, "errors": errors}


def test_an_instance_that_was_there_before(actor: Actor) -> None:
    fd, target = actor.create(), pipe(actor)
    with observe() as observing:
        if not observing.refresh().source.traces("epoll_ctl"):
            pytest.skip("no probe sees changes of interest lists here")
        actor.do("ctl", fd=fd, calls=[[ADD, target]])
        (key,) = counted(observing, actor.pid)
        assert (key.file, key.created_ns) == (observing.instances(actor.pid)[fd].file, 0)
        assert written(observing, actor.pid, fd)["add"] == 1


@PROOFS("A call that failed counts under its operation and errno, too.")
def test_each_errno(ctls: Observing, actor: Actor) -> None:
    fd, inner, target, file = actor.create(), actor.create(), pipe(actor), actor.do("open_file")["fd"]
    actor.do("ctl", fd=fd, calls=[[ADD, target], [ADD, target]])
    actor.do("ctl", fd=fd, calls=[[MOD, inner], [DEL, inner], [DEL, inner]])
    actor.do("ctl", fd=fd, calls=[[operation, 4000] for operation in (ADD, MOD, DEL)], count=100)
    actor.do("ctl", fd=fd, calls=[[ADD, file], [ADD, fd], [MOD, fd]])
    actor.do("ctl", fd=fd, calls=[[ADD, target], [MOD, target]], bad_address=True)
    assert errors(ctls, actor.pid) == {
        "ADD:EEXIST": 1,
        "MOD:ENOENT": 1,
        "DEL:ENOENT": 2,
        **{f"{name}:EBADF": 100 for name in ("ADD", "MOD", "DEL")},
        "ADD:EPERM": 1,
        "ADD:EINVAL": 1,
        "MOD:EINVAL": 1,
        "ADD:EFAULT": 1,
        "MOD:EFAULT": 1,
    }
    assert one(ctls, actor.pid) == CtlCounts(add=105, mod=103, delete=102)
    row = ctls.row(actor.pid)
    assert row.table("ctl_errors").total.errors == 309
    assert row.table("ctl_errors").per_s("errors") > 0


def test_instances_that_watch_each_other(ctls: Observing, actor: Actor) -> None:
    one, other = actor.create(), actor.create()
    actor.do("ctl", fd=one, calls=[[ADD, other]])
    actor.do("ctl", fd=other, calls=[[ADD, one]])
    assert errors(ctls, actor.pid) == {"ADD:ELOOP": 1}


@PROOFS("A call that asks for no operation that there is counts as an error only.")
def test_an_unknown_operation(ctls: Observing, actor: Actor) -> None:
    fd, target = actor.create(), pipe(actor)
    assert actor.do("ctl", fd=fd, calls=[[UNKNOWN, target], [0, target]])["returned"]
    assert errors(ctls, actor.pid) == {"UNKNOWN:EINVAL": 2}
    assert one(ctls, actor.pid) == CtlCounts()


@PROOFS("A call whose descriptor names no instance counts for nobody.")
def test_what_is_no_instance_has_no_changes(ctls: Observing, actor: Actor) -> None:
    target = pipe(actor)
    actor.do("ctl", fd=target, calls=[[ADD, 0]], count=7)
    actor.do("ctl", fd=4000, calls=[[ADD, target]], count=7)
    assert (counted(ctls, actor.pid), errors(ctls, actor.pid)) == ({}, {})


@PROOFS("A watch that is added within a second of its removal counts as added again.")
def test_a_watch_that_is_added_again(ctls: Observing, actor: Actor) -> None:
    fd, targets = actor.create(), [pipe(actor) for _ in range(3)]
    removals, additions = ([[operation, target] for target in targets] for operation in (DEL, ADD))
    actor.do("ctl", fd=fd, calls=additions)
    told = actor.do("ctl", fd=fd, calls=[*removals, *additions], count=200)
    told = max(told, actor.do("ctl", fd=fd, calls=[*removals]), key=lambda each: each["longest_s"])
    if told["longest_s"] > 0.1:
        pytest.skip("the machine stood still")
    actor.do("rest", seconds=1.1)
    actor.do("ctl", fd=fd, calls=additions)
    assert one(ctls, actor.pid).readd == 600


@PROOFS("Another file at the descriptor of one that was removed is another watch.")
def test_another_file_at_the_same_descriptor(ctls: Observing, actor: Actor) -> None:
    fd = actor.create()
    numbers = []
    for _ in range(20):
        ends = actor.do("pipe")["fds"]
        actor.do("ctl", fd=fd, calls=[[ADD, ends[0]], [DEL, ends[0]]])
        actor.do("close", fds=ends)
        numbers.append(ends)
    assert numbers == numbers[:1] * 20
    assert one(ctls, actor.pid) == CtlCounts(add=20, delete=20)


@PROOFS(
    "The counts do not tell how many watches there are, because the kernel removes those of a closed file by itself."
)
def test_the_kernel_removes_watches_of_closed_files(ctls: Observing, actor: Actor) -> None:
    fd = actor.create()
    targets = actor.do("watch", fd=fd, count=20)["targets"]
    actor.do("close", fds=[end for ends in targets[:15] for end in ends])
    assert len(interest_list(actor.pid, fd)) == 5
    assert one(ctls, actor.pid) == CtlCounts(add=20)


@PROOFS("As tracepoints the hooks do not see 32-bit calls.")
def test_32_bit_calls(ctls: Observing, actor: Actor) -> None:
    fd = actor.create()
    told = actor.do("ctl_compat", fd=fd, count=3)["called"]
    if not told:
        pytest.skip("this kernel has no 32-bit calls")
    seen = told if "fexit" in attached(ctls) else 0
    assert sum(counts.delete for counts in counted(ctls, actor.pid).values()) == seen


def test_where_no_hook_sees_io_uring_it_is_not_known_how_many_changes_it_made(actor: Actor) -> None:
    calls_only = ALL.probes["epoll_ctl"]["tracepoint"][:1]
    ladders = replace(ALL, probes={**ALL.probes, "epoll_ctl": {"tracepoint": calls_only}})
    with observe(ladders) as observing:
        target = pipe(actor)
        actor.do("ctl", fd=actor.create(), calls=[[ADD, target]])
        snapshot = observing.refresh()
        (row,) = [row for row in snapshot.processes if row.pid == actor.pid]
        told = CTL_OF_INSTANCE.get(InstanceOf(row.instances[0], row), snapshot)
    assert (told["add"], told["via_io_uring"]) == (1, None)
    assert Limit.of(IO_URING_UNSEEN, probe="epoll_ctl") in snapshot.source.limits


@PROOFS("As tracepoints the hooks do not tell what came of a request for io_uring.")
def test_requests_that_fail(ctls: Observing, actor: Actor) -> None:
    fd, target = actor.create(), pipe(actor)
    assert by_io_uring(ctls, actor, fd, [DEL, target]) == [{"errno": errno.ENOENT}]
    assert errors(ctls, actor.pid) == ({"DEL:ENOENT": 1} if "fexit" in attached(ctls) else {})
    assert one(ctls, actor.pid) == CtlCounts(delete=1, via_io_uring=1)


@PROOFS("A removal is forgotten when a descriptor with the same three lowest bits is removed after it.")
def test_removals_that_meet(ctls: Observing, actor: Actor) -> None:
    fd = actor.create()
    at = [actor.do("dup_to", fd=pipe(actor), lowest=lowest)["fd"] for lowest in (800, 808)]
    assert at == [800, 808]
    actor.do("ctl", fd=fd, calls=[[ADD, 800], [ADD, 808], [DEL, 800], [DEL, 808], [ADD, 800], [ADD, 808]])
    assert one(ctls, actor.pid).readd == 1


@PROOFS("An eventfd, timerfd or the like that gets the descriptor of another one is taken for the same watch.")
def test_what_has_an_inode_in_common(ctls: Observing, actor: Actor) -> None:
    fd = actor.create()
    for _ in range(2):
        inner = actor.create()
        actor.do("ctl", fd=fd, calls=[[ADD, inner], [DEL, inner]])
        actor.do("close", fds=[inner])
    identity = ctls.instances(actor.pid)[fd]
    told = {key.file: counts for key, counts in counted(ctls, actor.pid).items()}
    assert told == {identity.file: CtlCounts(add=2, delete=2, readd=1)}


def test_entries_of_released_instances_make_room(actor: Actor) -> None:
    with observe(sizes=replace(SIZES, ctls=256)) as observing:
        if not observing.refresh().source.traces("epoll_ctl"):
            pytest.skip("no probe sees changes of interest lists here")
        target, fd = pipe(actor), actor.create()
        actor.do("ctl", fd=fd, calls=[[ADD, target]])
        for _ in range(20):
            actor.do("register_and_close", count=50, target=target)
            observing.refresh()
            observing.refresh()
        row = observing.row(actor.pid)
        assert (row.table("ctl").total.add, row.table("ctl_errors").total.errors) == (2001, 1000)
        assert TABLE_FULL not in {limit.id for limit in observing.batch.source.limits}
        assert written(observing, actor.pid, fd)["add"] == 1


def test_what_finds_no_room_is_told(actor: Actor) -> None:
    with observe(sizes=replace(SIZES, ctls=64)) as observing:
        if not observing.refresh().source.traces("epoll_ctl"):
            pytest.skip("no probe sees changes of interest lists here")
        target = pipe(actor)
        for fd in actor.do("hold", count=200)["fds"]:
            actor.do("ctl", fd=fd, calls=[[ADD, target]])
        counts = sum(each.add for each in counted(observing, actor.pid).values())
        (full,) = [limit for limit in observing.batch.source.limits if limit.id == TABLE_FULL]
        assert 0 < counts <= 64
        assert full.text("probe") == "epoll_ctl"
        assert full.number("refused") >= 200 - counts


def test_left_out_it_is_not_known_and_nothing_else_changes(actor: Actor) -> None:
    with observe(ALL.without("epoll_ctl")) as observing:
        fd, target = actor.create(), pipe(actor)
        actor.do("ctl", fd=fd, calls=[[ADD, target], [ADD, target]])
        snapshot = observing.refresh()
        row = observing.row(actor.pid)
        fields = [field for field in PROCESS_FIELDS if field.id in ("ctl_per_s", "ctl_errors_per_s")]
        assert (observing.batch.ctl, observing.batch.ctl_errors) == ({}, {})
        assert [field.value(row, snapshot) for field in fields] == [None, None]
        assert written(observing, actor.pid, fd) is None
        assert (row.created, snapshot.exact) == (1, True)
        assert Limit.of(UNTRACED, probe="epoll_ctl", refused="") in snapshot.source.limits
