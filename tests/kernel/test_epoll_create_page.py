"""docs/events/epoll_create.md: each statement against the running kernel."""

from __future__ import annotations

import errno
import json
import os
import resource
import select
from dataclasses import replace
from pathlib import Path

import pytest

from epolltop.model.event import Kind, Syscall
from epolltop.model.instance import Provenance
from epolltop.model.process_row import ProcessRow
from epolltop.query.event_record import event_record
from epolltop.query.headline import notes
from epolltop.sources.bpf.ladder import ALL
from epolltop.sources.bpf.sizes import SIZES, Sizes
from tests.cli.program import started
from tests.docs.pages import Proofs
from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .allocations import allocated_by_creation
from .calls import sized
from .fdinfo import file_flags, interest_list
from .observing import Observing, observe

pytestmark = pytest.mark.kernel

PROOFS = Proofs("epoll_create", ("Description",), ("Hooks", "Why not `ep_create_files_struct`"), ("Issues",))
CLOEXEC = 0o2000000


@PROOFS("A call that succeeds creates an instance with an empty interest list, and returns a descriptor for it.")
def test_a_new_instance_each_time(observing: Observing, actor: Actor) -> None:
    fds = [actor.create(), actor.do("create_legacy", size=1)["fd"]]
    instances = observing.instances(actor.pid)
    assert sorted(instances) == sorted(fds)
    assert len({instance.id for instance in instances.values()}) == 2
    assert [interest_list(actor.pid, fd) for fd in fds] == [[], []]
    assert [event.fd for event in observing.events(actor.pid, Kind.CREATE)] == fds


@PROOFS("`epoll_create` requires a size greater than 0: it fails with `EINVAL` for 0 and for negative numbers.")
@sized
@pytest.mark.parametrize("size", [0, -1, -(2**31)])
def test_no_size_below_one(observing: Observing, actor: Actor, size: int) -> None:
    assert actor.do("create_legacy", size=size)["errno"] == errno.EINVAL
    snapshot = observing.refresh()
    (event,) = observing.events(actor.pid)
    record = event_record(event, snapshot)
    assert (record["eventName"], record["returnValue"]) == ("epoll_create", -errno.EINVAL)
    assert record["args"] == [{"name": "size", "type": "int", "value": size}]


@PROOFS(
    "Every other size has the same effect: an instance of size 1 takes a hundred watches, and the kernel "
    "allocates as many bytes for size 1 as for size 2147483647.",
)
def test_a_size_limits_nothing_and_reserves_nothing(actor: Actor) -> None:
    fd = actor.do("create_legacy", size=1)["fd"]
    targets = actor.do("watch", fd=fd, count=100)["targets"]
    assert interest_list(actor.pid, fd) == sorted(reading for reading, _ in targets)

    allocated = allocated_by_creation(1, 2147483647)
    assert allocated[1].times > 0
    assert allocated[1] == allocated[2147483647]


@PROOFS("`epoll_create1` accepts 0 or `EPOLL_CLOEXEC`: it fails with `EINVAL` for any other bit.")
def test_one_flag_only(observing: Observing, actor: Actor) -> None:
    assert select.EPOLL_CLOEXEC == CLOEXEC == 524288
    good, bad = (0, CLOEXEC), [1 << bit for bit in range(31) if 1 << bit != CLOEXEC] + [CLOEXEC | 1, -1]
    assert [actor.do("create1", flags=argument)["errno"] for argument in good] == [0, 0]
    assert {actor.do("create1", flags=argument)["errno"] for argument in bad} == {errno.EINVAL}
    row = observing.row(actor.pid)
    assert (row.created, row.failed) == (len(good), len(bad))
    told = [event.argument for event in observing.events(actor.pid)]
    assert told == [flag & 0xFFFFFFFF for flag in (*good, *bad)]


@PROOFS(
    "`EPOLL_CLOEXEC` sets the close-on-exec flag of the descriptor; `epoll_create1(0)` and `epoll_create` leave it "
    "clear.",
)
def test_close_on_exec(actor: Actor) -> None:
    marked = actor.create(CLOEXEC)
    plain = [actor.create(0), actor.do("create_legacy", size=1)["fd"]]
    assert file_flags(actor.pid, marked) & CLOEXEC
    assert not any(file_flags(actor.pid, fd) & CLOEXEC for fd in plain)


@PROOFS(
    "Both calls fail with `EMFILE` if the process has as many descriptors as its soft `RLIMIT_NOFILE` allows.",
    "A failed call is one event, with the negative error number as `returnValue`; it creates no instance, so no "
    "`files_free` follows.",
)
def test_no_more_descriptors(observing: Observing, actor: Actor) -> None:
    used = len(os.listdir(f"/proc/{actor.pid}/fd"))
    _, hard = resource.prlimit(actor.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(actor.pid, resource.RLIMIT_NOFILE, (used, hard))
    assert actor.do("create1", flags=0)["errno"] == errno.EMFILE
    assert actor.do("create_legacy", size=1)["errno"] == errno.EMFILE
    resource.prlimit(actor.pid, resource.RLIMIT_NOFILE, (used + 1, hard))
    assert actor.do("create1", flags=0)["errno"] == 0

    snapshot = observing.refresh()
    first, second, third = observing.events(actor.pid)
    assert [event_record(event, snapshot)["returnValue"] for event in (first, second)] == [-errno.EMFILE] * 2
    assert [event.kind for event in (first, second, third)] == [Kind.CREATE_FAILED, Kind.CREATE_FAILED, Kind.CREATE]
    actor.end()
    observing.until(lambda _: len(observing.events(actor.pid, Kind.RELEASE)) > 0)
    assert [event.instance for event in observing.events(actor.pid, Kind.RELEASE)] == [third.instance]


@PROOFS("The time of the event is the time when the call returned.")
def test_the_time_is_that_of_the_call(observing: Observing, actor: Actor) -> None:
    before, after = actor.do("brief", seconds=0)["create"]
    observing.refresh()
    (event,) = observing.events(actor.pid, Kind.CREATE)
    assert before <= event.time_ns <= after


@PROOFS("The event has the process and the thread that made the call, and the name of that thread at that moment.")
def test_the_actor_is_the_thread(observing: Observing, actor: Actor) -> None:
    thread = actor.do("create_in_thread")["tid"]
    actor.do("name", octets=b"then".hex())
    actor.create()
    actor.do("name", octets=b"later".hex())
    observing.refresh()
    first, second = observing.events(actor.pid)
    assert (first.pid, first.tid) == (actor.pid, thread)
    assert (second.pid, second.tid, second.name) == (actor.pid, actor.pid, "then")


@PROOFS("The id of an instance is never reused, although descriptor numbers and kernel addresses are.")
def test_ids_are_not_used_again(observing: Observing, actor: Actor) -> None:
    assert len(actor.do("pairs", count=1_000)["numbers"]) == 1
    observing.refresh()
    created = observing.events(actor.pid, Kind.CREATE)
    assert len({event.instance for event in created}) == 1_000
    assert len({event.file for event in created}) < 1_000


@PROOFS(
    "The running kernel has the functions `do_epoll_create` and `ep_eventpoll_release`, but no function named "
    "`ep_create_files_struct` or `files_free`.",
)
def test_functions_of_the_kernel() -> None:
    symbols = {line.split()[2] for line in Path("/proc/kallsyms").read_text(encoding="ascii").splitlines()}
    assert {"do_epoll_create", "ep_eventpoll_release"} <= symbols
    assert not {"ep_create_files_struct", "files_free"} & symbols


@PROOFS("Instances that existed before epolltop have no event; the first census finds them.")
def test_what_was_there_before(actor: Actor) -> None:
    fd = actor.create()
    with observe() as observing:
        assert sorted(observing.instances(actor.pid)) == [fd]
        assert observing.events(actor.pid) == []


@PROOFS(
    "As a syscall tracepoint, the probe does not see creations by 32-bit programs, except with `--compat`: their "
    "instances are reported as `epoll_found` and are not counted as created.",
)
def test_32_bit_creations(observing: Observing, actor: Actor) -> None:
    only_by_tracepoint(observing)
    fd = actor.do("create_compat")["fd"]
    if fd is None:
        pytest.skip("this kernel has no 32-bit entry")
    row = observing.row(actor.pid)
    assert (row.created, row.open) == (0, 1)
    assert [(event.kind, event.fd) for event in observing.events(actor.pid)] == [(Kind.FOUND, fd)]
    with observe(compat=True) as also_compat:
        new = actor.do("create_compat")["fd"]
        native = actor.do("create1", flags=CLOEXEC)["fd"]
        row = also_compat.row(actor.pid)
        assert (row.created, row.open) == (2, 3)
        calls = [(event.kind, event.fd, event.syscall, event.argument) for event in also_compat.events(actor.pid)]
        assert calls == [
            (Kind.CREATE, new, Syscall.EPOLL_CREATE1, 0),
            (Kind.CREATE, native, Syscall.EPOLL_CREATE1, CLOEXEC),
        ]


@PROOFS(
    "64-bit programs can make the same calls through `int $0x80`. `unseen_creations` says how many instances they "
    "created at least, including those that ended before a census. The totals and the counts of such a process "
    "are then lower bounds.",
)
def test_32_bit_calls_of_a_64_bit_program(actor: Actor) -> None:
    with observe(ALL.only("epoll_create", "tracepoint")) as observing, Actor() as native:
        before = observing.refresh()
        assert not any(row.lacking for row in before.processes if row.pid in (actor.pid, native.pid))
        if actor.do("create_compat")["fd"] is None:
            pytest.skip("this kernel has no 32-bit entry")
        observing.refresh()
        actor.do("pairs_compat", count=500)
        native.do("pairs", count=500)
        row = observing.row(actor.pid)
        snapshot = observing.refresh()
        assert (row.open, row.known(row.created), row.released, row.lacking) == (1, None, 500, True)
        # The child that tried made one, too.
        assert snapshot.unseen >= before.unseen + 502
        assert not snapshot.exact
        assert f"no probe saw the creation of {snapshot.unseen} instances" in " ".join(notes(snapshot))
        row = observing.row(native.pid)
        assert (row.created, row.released, row.lacking) == (500, 500, False)


@PROOFS(
    "A syscall tracepoint sees a call that a seccomp filter refuses as a failure like any other, although the "
    "call never ran.",
)
def test_refused_by_seccomp(observing: Observing, actor: Actor) -> None:
    only_by_tracepoint(observing)
    assert actor.do("refuse_creation", number=errno.ENOTBLK)["failed_with"] == 0
    assert actor.do("create1", flags=CLOEXEC)["errno"] == errno.ENOTBLK  # which the call itself never answers
    observing.refresh()
    (event,) = observing.events(actor.pid)
    assert (event.kind, event.errno, event.argument) == (Kind.CREATE_FAILED, errno.ENOTBLK, CLOEXEC)


def only_by_tracepoint(observing: Observing) -> None:
    observing.refresh()
    attached_to = observing.batch.source.probes[0].attached_to
    if not attached_to.startswith("tracepoint:"):
        pytest.skip(f"here epoll_create is attached to {attached_to}")


@PROOFS(
    "If a process creates more than 20,000 instances per second, epolltop leaves out events on purpose: it still "
    "counts all instances, and `sampled_out` says how many have no event.",
)
def test_what_is_left_out_is_counted(observing: Observing, actor: Actor) -> None:
    assert SIZES.detail_per_s == 20_000

    def fast_enough() -> ProcessRow | None:  # at the first time, unless others keep the machine busy
        actor.do("pairs", count=100_000)
        row = observing.row(actor.pid)
        assert row.created % 100_000 == 0
        return row if row.sampled_out else None

    row = eventually(fast_enough)
    assert row is not None
    assert len(observing.events(actor.pid, Kind.CREATE)) == row.created - row.sampled_out


@PROOFS(
    "If BPF's iterator takes the census, epolltop still knows an instance whose event was left out or lost: its "
    "creator, the id of the thread and the argument, but not the thread's name and the stack.",
)
def test_what_is_known_of_an_instance_without_an_event(actor: Actor) -> None:
    with observe(stacks=True, sizes=Sizes(detail_per_s=1, burst_s=0.0)) as observing:
        threads = {made["fd"]: made["tid"] for made in (actor.do("create_in_thread") for _ in range(5))}
        eventually(lambda: observing.agrees([actor.pid]))
        instances = observing.instances(actor.pid)
        (told, *_) = events = observing.events(actor.pid, Kind.CREATE)
        assert {fd: one.thread and one.thread.tid for fd, one in instances.items()} == threads
        assert instances[told.fd or 0].thread == (told.tid, told.name)
        left_out = [one for fd, one in instances.items() if fd not in {event.fd for event in events}]
        assert left_out
        for one in left_out:
            assert one.creator is not None
            assert (one.provenance, one.creator.pid, one.syscall) == (Provenance.TRACED, actor.pid, told.syscall)
            assert (one.argument, one.thread and one.thread.name, one.stack) == (told.argument, None, ())


@PROOFS(
    "Failures have such a limit of their own, so that repeated failures do not suppress the events of creations. "
    "`failed_sampled_out` says how many failures have no event.",
)
def test_failures_leave_creations_their_events(observing: Observing, actor: Actor) -> None:
    for _ in range(3):
        actor.do("fail", count=40_000)
        actor.do("pairs", count=2)
    row = observing.row(actor.pid)
    assert (row.created, row.sampled_out, row.failed) == (6, 0, 120_000)
    assert row.failed_sampled_out > 0
    assert len(observing.events(actor.pid, Kind.CREATE)) == 6
    assert len(observing.events(actor.pid, Kind.CREATE_FAILED)) == 120_000 - row.failed_sampled_out
    source = observing.batch.source
    assert source.failed_sampled_out >= row.failed_sampled_out


@PROOFS("With more than 32 processors that limit is lower, because each processor has a smaller part of the buffer.")
def test_as_much_is_told_as_there_is_room_for() -> None:
    assert Sizes().with_room(32).detail_per_s == 20_000
    # As many pages a processor as it would have among 256.
    many = replace(Sizes(), pages_per_cpu=Sizes().pages(256)).with_room(256)
    assert (many.pages(2), many.detail_per_s) == (32, 3_150)

    def nothing_is_lost() -> bool:
        with observe(sizes=many) as observing, Actor() as actor:
            os.sched_setaffinity(actor.pid, {min(os.sched_getaffinity(0))})
            actor.do("pairs", count=20_000)
            row = observing.row(actor.pid)
            told = row.created - row.sampled_out
            assert 200 < told < 20_000
            return observing.batch.source.lost == 0 and len(observing.events(actor.pid, Kind.CREATE)) == told

    # On a busy machine the drain may come late, and the buffer is full before. Without the limit it always is.
    eventually(nothing_is_lost)


@PROOFS("epolltop leaves out its own instances, unless it is started with `--include-self`.")
@pytest.mark.parametrize("options", [(), ("--include-self",)])
def test_own_instances(options: tuple[str, ...]) -> None:
    with started("snapshot", "--source", "bpf", "-d", "0", *options) as epolltop:
        shown, _ = epolltop.communicate(timeout=PATIENCE_S)
    assert (epolltop.pid in [process["pid"] for process in json.loads(shown)["processes"]]) == bool(options)
