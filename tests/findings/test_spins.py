"""Spins on made snapshots: both sides of each threshold, and what is not known."""

from __future__ import annotations

import select
from collections.abc import Mapping
from dataclasses import replace

import pytest

from epolltop.findings.cases import Cases
from epolltop.findings.evaluation import Match
from epolltop.findings.families.polling import POLLING
from epolltop.findings.families.spins import SPIN
from epolltop.findings.hot_events import NO_EVENTS, HotEvent
from epolltop.findings.settings import DEFAULTS
from epolltop.model.ctl_activity import CtlCounts, CtlKey, CtlOperation
from epolltop.model.file_calls import FileCalls
from epolltop.model.histogram import Histogram
from epolltop.model.loop_activity import LoopKey
from epolltop.model.loop_row import KnownActivity, LoopRow
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.snapshot import Snapshot
from epolltop.model.source import Probe
from epolltop.model.watch import InterestList, Target, TargetKind, Watch
from tests.support.records import NOW_NS, SECOND_NS, turn
from tests.support.rows import instance, loop_row, process_row, snapshot

from .judged import matches

ME = ProcessKey(42, 7000)
SHORT, LONG = Histogram((*(0,) * 11, 1000), 1500), Histogram((*(0,) * 17, 1000), 100_000)
"""1.5 us and 100 us."""
IN, OUT, ERR, HUP, RDHUP = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR, select.EPOLLHUP, select.EPOLLRDHUP
PIPE = Target(TargetKind.PIPE, "pipe:[9]", (("inode", 9),))
WAITS = 20_000
FOR_TCP = {"state": "ESTABLISHED", "unread": 7, "unsent": 0, "read": 100, "written": 50, "inode": 9}


def tcp(**changes: object) -> Target:
    details = FOR_TCP | changes
    return Target(TargetKind.TCP, "here ← there", tuple(details.items()))  # type: ignore[arg-type]


def unix(unread: int = 7, other_unread: int = 0) -> Target:
    return Target(TargetKind.UNIX, "there", (("unread", unread), ("inode", 9), ("other_unread", other_unread)))


def watch(target: Target, events: int = IN, *, fd: int = 7, data: int = 7, stale: bool | None = False) -> Watch:
    return Watch(fd, events, data, target, stale, None)


def loop(mask: int = IN, run: int = 600, **changes: object) -> LoopRow:
    made: dict[str, object] = {
        "waits": WAITS,
        "wakes": WAITS,
        "timeouts_met": 0,
        "finite_timeouts": 0,
        "infinite_timeouts": WAITS,
        "waiting": SHORT,
        "away": SHORT,
        "turn": turn(NOW_NS - 900, NOW_NS - 500, hot_data=7, hot_mask=mask, hot_run=run),
    }
    return loop_row(instance(), **made | changes)  # type: ignore[arg-type]


def seen(
    row: LoopRow,
    *watches: Watch,
    at_s: int,
    calls: tuple[int, int] | None = (0, 0),
    holders: tuple[tuple[int, tuple[int, ...]], ...] = ((42, (8,)),),
    waits: int | None = None,
    **facts: object,
) -> Snapshot:
    """At the end of a window, with the list as it was read within it.

    Args:
        row: of the loop.
        watches: in the list.
        at_s: when.
        calls: reads and writes of the process so far, if they are known.
        holders: of the instance.
        waits: so far; the rate is that of the row.
        facts: of the process.
    """
    now_ns = NOW_NS + at_s * SECOND_NS
    held = instance(holders=holders)._replace(interest=InterestList(watches, at_ns=now_ns - 1000) if watches else None)
    if waits is not None:
        counted = row.did.counted
        did = KnownActivity(replace(counted, total=counted.total._replace(waits=waits)), away=row.did.away)
        row = row._replace(did=did._replace(waiting=row.did.waiting))
    made = snapshot(process_row(42, instances=(held,), loops=ProcessLoops((row,)), **facts))  # type: ignore[arg-type]
    probes = (*made.source.probes, Probe("epoll_wait", "test", True), Probe("epoll_ctl", "test", True))
    file_calls: Mapping[ProcessKey, FileCalls] = {ME: FileCalls(now_ns - 1000, *calls)} if calls else {}
    return replace(made, now_ns=now_ns, source=replace(made.source, probes=probes), file_calls=file_calls)


def judged(*windows: Snapshot) -> Match | None:
    """What is found in the last of some windows, of which the first only begins."""
    hot: Mapping[LoopKey, HotEvent] = NO_EVENTS
    before, found = None, list[Match]()
    for window in windows:
        cases = Cases(window, before, hot)
        found = list(matches((SPIN, POLLING), cases, DEFAULTS))
        hot, before = cases.hot, window
    assert len(found) <= 1
    return found[0] if found else None


def found_in(
    row: LoopRow,
    then: Watch,
    now: Watch | None = None,
    *,
    calls: tuple[int, int] = (0, 0),
    **changes: object,
) -> str | None:
    """The id that is found of a loop that goes on for three windows.

    Args:
        row: the loop.
        then: its watch in the second window.
        now: in the third; None: the same.
        calls: reads and writes in the last of them.
        changes: see `seen`.
    """
    match = judged(
        seen(row, at_s=1, waits=WAITS, **changes),  # type: ignore[arg-type]
        seen(row, then, at_s=2, waits=2 * WAITS, **changes),  # type: ignore[arg-type]
        seen(row, now or then, at_s=3, waits=3 * WAITS, calls=calls, **changes),  # type: ignore[arg-type]
    )
    return match.rule.id if match else None


def test_a_pipe_that_nobody_reads() -> None:
    assert found_in(loop(), watch(PIPE)) == "spin-unread"


@pytest.mark.parametrize(("reads", "expected"), [(WAITS // 20, "spin-unread"), (WAITS // 20 + 1, None)])
def test_one_read_in_twenty_waits_is_progress(reads: int, expected: str | None) -> None:
    assert found_in(loop(), watch(PIPE), calls=(reads, 0)) == expected


@pytest.mark.parametrize(("waits", "expected"), [(999, None), (1000, "spin-unread")])
def test_few_waits_are_no_spin(waits: int, expected: str | None) -> None:
    assert found_in(loop(waits=waits), watch(PIPE)) == expected


@pytest.mark.parametrize(("run", "expected"), [(511, None), (512, "spin-unread")])
def test_a_short_run_is_no_spin(run: int, expected: str | None) -> None:
    assert found_in(loop(run=run), watch(PIPE)) == expected


@pytest.mark.parametrize(("run", "expected"), [(7, None), (10, None), (11, "spin-unread")])
def test_a_sampled_loop_needs_as_long_a_run(run: int, expected: str | None) -> None:
    """One of 50 waits is measured; from fewer than 8 nothing is concluded."""
    assert found_in(loop(run=run, unmeasured=WAITS - WAITS // 50), watch(PIPE)) == expected


def test_long_waits_are_no_spin() -> None:
    assert found_in(loop(waiting=LONG), watch(PIPE)) is None


def test_a_slow_loop_spins_if_the_kernel_counts_what_it_takes() -> None:
    assert found_in(loop(away=LONG), watch(PIPE)) == "spin-unread"
    assert found_in(loop(away=LONG), watch(tcp())) == "spin-unread"
    assert found_in(loop(away=LONG), watch(unix())) is None


@pytest.mark.parametrize("read", [101, 1 << 30])
def test_a_busy_connection_is_no_spin(read: int) -> None:
    assert found_in(loop(), watch(tcp()), watch(tcp(read=read))) is None


def test_what_is_written_does_not_excuse_what_is_not_read() -> None:
    assert found_in(loop(), watch(tcp()), watch(tcp(written=99)), calls=(0, WAITS)) == "spin-unread"


def test_a_connection_of_which_the_kernel_tells_no_bytes_proves_nothing() -> None:
    assert found_in(loop(), watch(tcp(read=None, written=None))) is None


def test_without_a_list_nothing_is_known() -> None:
    rows = [seen(loop(), at_s=at, waits=at * WAITS) for at in (1, 2, 3)]
    assert judged(*rows) is None


def test_one_list_proves_nothing_of_a_connection() -> None:
    first, second = (seen(loop(), watch(tcp()), at_s=at, waits=at * WAITS) for at in (1, 2))
    assert judged(first, second) is None, "the first one was read before the event was known"


def test_a_connection_that_was_quiet_while_another_one_was_busy() -> None:
    """Its bytes are those of earlier, because it only begins."""
    other = watch(tcp(inode=10), fd=8, data=8)
    busy = loop()._replace(turn=turn(1, 2, hot_data=8, hot_mask=IN, hot_run=600))
    rows = [seen(busy, watch(tcp()), other, at_s=at, waits=at * WAITS) for at in (1, 2, 3)]
    last = seen(loop(), watch(tcp()), other, at_s=4, waits=4 * WAITS)
    assert judged(*rows, last) is None


def test_without_calls_nothing_is_known_of_a_pipe() -> None:
    rows = [seen(loop(), watch(PIPE), at_s=at, waits=at * WAITS, calls=None) for at in (1, 2, 3)]
    assert judged(*rows) is None


def test_a_unix_socket_of_which_what_waits_changes() -> None:
    assert found_in(loop(), watch(unix(7))) == "spin-unread"
    assert found_in(loop(), watch(unix(7)), watch(unix(8))) is None
    assert found_in(loop(), watch(unix(0))) is None, "a server that has read all is asked again and again"
    assert found_in(loop(OUT), watch(unix(), OUT)) == "spin-writable"
    assert found_in(loop(OUT), watch(unix(), OUT), watch(unix(other_unread=8), OUT)) is None


@pytest.mark.parametrize("kind", [TargetKind.UDP, TargetKind.NETLINK, TargetKind.DEVICE, TargetKind.EPOLL])
def test_of_others_nothing_is_known(kind: TargetKind) -> None:
    other = watch(Target(kind, "?", (("unread", 9), ("inode", 9))))
    assert found_in(loop(), other) is None
    assert found_in(loop(OUT), other) is None


def test_several_watches_with_the_same_data() -> None:
    """Each of them must be still."""
    one, still, moved = watch(PIPE), watch(tcp(inode=1), fd=8), watch(tcp(inode=1, read=999), fd=8)
    for last, expected in ((still, "spin-unread"), (moved, None)):
        lists = ((), (one, still), (one, last))
        rows = [seen(loop(), *each, at_s=at, waits=at * WAITS) for at, each in enumerate(lists, 1)]
        match = judged(*rows)
        assert (match.rule.id if match else None) == expected


@pytest.mark.parametrize("flag", [select.EPOLLET, select.EPOLLONESHOT])
def test_an_edge_is_a_new_event_each_time(flag: int) -> None:
    assert found_in(loop(), watch(PIPE, IN | flag)) is None
    assert found_in(loop(OUT), watch(PIPE, OUT | flag)) is None


def test_a_socket_that_is_writable() -> None:
    assert found_in(loop(OUT), watch(tcp(), IN | OUT)) == "spin-writable"
    assert found_in(loop(OUT), watch(tcp(), OUT), watch(tcp(written=51), OUT)) is None
    assert found_in(loop(OUT), watch(PIPE, OUT), calls=(0, WAITS)) is None


def test_a_hung_up_socket() -> None:
    for mask in (HUP, IN | RDHUP | HUP, OUT | ERR | HUP):
        assert found_in(loop(mask), watch(tcp())) == "spin-hangup"


@pytest.mark.parametrize(("added", "expected"), [(WAITS // 2, "spin-hangup"), (WAITS // 2 + 1, None)])
def test_who_connects_again_has_another_socket_each_time(added: int, expected: str | None) -> None:
    """As a client without a pause whose server is gone."""
    lists = (), (watch(tcp(inode=9)),), (watch(tcp(inode=10)),)
    mask = IN | OUT | ERR | HUP
    rows = [seen(loop(mask), *each, at_s=at, waits=at * WAITS) for at, each in enumerate(lists, 1)]
    key = CtlKey(*instance().traced_key, ME)
    rows = [replace(each, ctl={key: CtlCounts(add=at * added)}) for at, each in enumerate(rows)]
    match = judged(*rows)
    assert (match.rule.id if match else None) == expected


def test_an_error_that_is_taken_is_none() -> None:
    """As by a program that sends without copies, and gets to know that so."""
    assert found_in(loop(ERR), watch(tcp()), watch(tcp(written=999))) is None
    assert found_in(loop(ERR), watch(tcp())) == "spin-hangup"
    assert found_in(loop(ERR), watch(unix())) is None
    assert found_in(loop(OUT | ERR), watch(PIPE, OUT)) == "spin-hangup"


def test_a_closed_descriptor() -> None:
    assert found_in(loop(), watch(PIPE, stale=True)) == "spin-stale-watch"
    assert found_in(loop(), watch(PIPE, stale=None)) == "spin-unread"


@pytest.mark.parametrize(("failed", "expected"), [(0, "spin-unread"), (1, "spin-stale-watch")])
def test_a_closed_descriptor_and_an_open_one_with_the_same_number(failed: int, expected: str) -> None:
    """Deletions that fail tell that the event is of the former."""
    both = watch(PIPE, stale=True), watch(PIPE)
    rows = [seen(loop(), *both, at_s=at, waits=at * WAITS) for at in (1, 2, 3)]
    key = CtlKey(*instance().traced_key, ME)
    rows = [replace(each, ctl_errors={key: {(CtlOperation.DEL, 9): at * failed}}) for at, each in enumerate(rows)]
    match = judged(*rows)
    assert match is not None
    assert match.rule.id == expected


LISTENER = Target(TargetKind.TCP, ":80", (("state", "LISTEN"), ("waiting", 1), ("backlog", 128), ("inode", 9)))


@pytest.mark.parametrize(("fds", "limit", "expected"), [(63, 64, "spin-accept"), (62, 64, None), (64, None, None)])
def test_a_listener_at_the_limit(fds: int, limit: int | None, expected: str | None) -> None:
    assert found_in(loop(), watch(LISTENER), fds=fds, fd_limit=limit) == expected


def test_an_instance_of_two_processes() -> None:
    both = ((42, (8,)), (43, (8,)))
    assert found_in(loop(), watch(PIPE), holders=both) == "spin-unread", "the other one does not wait"
    created = instance(holders=both)._replace(creator=ProcessKey(43, 7000))
    rows = [seen(loop(), watch(PIPE), at_s=at, waits=at * WAITS, holders=both) for at in (1, 2, 3)]
    for at, each in enumerate(rows):
        (process,) = each.processes
        held = created._replace(interest=process.instances[0].interest)
        rows[at] = replace(each, processes=(replace(process, instances=(held,)),))
    match = judged(*rows)
    assert match is not None
    assert match.rule.id == "spin-shared"
    assert dict(match.evidence)["processes"] == 2


@pytest.mark.parametrize(("rearmed", "expected"), [(WAITS * 9 // 10, "spin-ctl"), (WAITS * 9 // 10 - 1, None)])
def test_a_watch_that_is_added_anew(rearmed: int, expected: str | None) -> None:
    rows = [seen(loop(OUT), watch(tcp(), OUT | select.EPOLLET), at_s=at, waits=at * WAITS) for at in (1, 2, 3)]
    key = CtlKey(*instance().traced_key, ME)
    rows = [replace(each, ctl={key: CtlCounts(add=at * rearmed, delete=at * WAITS)}) for at, each in enumerate(rows)]
    match = judged(*rows)
    assert (match.rule.id if match else None) == expected


def polling(zero: int, met: int, *, away: Histogram = SHORT, **changes: object) -> Match | None:
    made: dict[str, object] = {
        "waits": 2000,
        "wakes": 2000 - zero - met,
        "zero_empty": zero,
        "timeouts_met": met,
        "turn": turn(NOW_NS),
    }
    return judged(seen(_polls(away, made | changes), at_s=1))


def _polls(away: Histogram, changes: Mapping[str, object]) -> LoopRow:
    return loop(away=away, **changes)  # type: ignore[arg-type]


def test_short_timeouts_that_bring_nothing() -> None:
    match = polling(900, 900, away=LONG)
    assert match is not None
    assert match.rule.id == "spin-timer"
    assert polling(900, 899) is None
    assert polling(900, 900, waits=999) is None


def test_who_never_waits_may_have_other_work() -> None:
    """It is told as a spin only if it is back at once, and alone on its instance."""
    quick, slow, among_others = polling(2000, 0), polling(2000, 0, away=LONG), polling(2000, 0, shared=True)
    assert quick is not None
    assert quick.rule.id == "spin-timer"
    assert slow is not None
    assert slow.rule.id == "busy-polling"
    assert among_others is not None
    assert among_others.rule.id == "busy-polling"


def test_haproxy_polls_by_design() -> None:
    polled = turn(NOW_NS, maxevents=200)
    row = loop(waits=1000, zero_empty=1000, wakes=0, turn=polled)
    match = judged(seen(row, at_s=1, runtime_signs=("haproxy",)))
    assert match is not None
    assert match.rule.id == "busy-polling"
    assert dict(match.evidence)["why"] == "HAProxy does so with the option busy-polling"
