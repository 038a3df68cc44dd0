"""What is wrong with interest lists, on made readings; and in which order lists take their turns."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from epolltop.findings.families.nesting import NESTED
from epolltop.findings.families.watched import FOREIGN, STALE, STALLED
from epolltop.findings.instance_case import InstanceCase
from epolltop.findings.readings import APART_NS, ListReadings
from epolltop.findings.rounds import AGAIN_NS, FDS_MAX, PAUSE_NS, Rounds
from epolltop.findings.rule import Family
from epolltop.model.finding import Fact, Severity
from epolltop.model.instance import Instance
from epolltop.model.snapshot import Snapshot
from epolltop.model.watch import InterestList, Target, TargetKind, Watch
from tests.support.records import NOW_NS, SECOND_NS, turn
from tests.support.rows import instance, loop_row, process_row

from .judged import judged, running, traced

EPOLLIN, EPOLLET, EPOLLONESHOT = 0x1, 1 << 31, 1 << 30
PIPE = Target(TargetKind.PIPE, "pipe:[7]")


def watch(fd: int = 4, target: Target = PIPE, events: int = EPOLLIN, **changes: object) -> Watch:
    return Watch(fd, events, fd, target, stale=False, shared=None)._replace(**changes)  # type: ignore[arg-type]


def socket(unread: int, kind: TargetKind = TargetKind.UNIX, **details: int | str) -> Target:
    return Target(kind, "socket:[9]", (("unread", unread), *details.items()))


@dataclass
class Read:
    """The case of an instance whose loops have returned so many events."""

    instance: Instance
    events: int


def found(
    family: Family[InstanceCase],
    first: Watch,
    last: Watch,
    *,
    apart_ns: int = APART_NS,
    events: int = 340,
    waits: bool = True,
) -> tuple[Severity, dict[str, Fact]] | None:
    """What is found by two readings, of a loop with 340 events, that had some until the first."""
    of, readings = instance(holders=((42, (8,)), (43, (8,)))), ListReadings()
    now: Snapshot | None = None
    for each, at_ns, until in ((first, NOW_NS - apart_ns, events), (last, NOW_NS, 340)):
        of = of._replace(interest=InterestList((each,), at_ns=at_ns))
        readings.look([Read(of, until)])
        last_wait = turn(NOW_NS - SECOND_NS, 0 if waits else NOW_NS)
        now = traced(running(loop_row(of, turn=last_wait), instances=(of,)))
    assert now is not None
    match = judged(family, now, None, readings)
    return match and (match.severity, dict(match.evidence))


class TestStale:
    def test_a_watch_that_is_stale_twice_is_found(self) -> None:
        match = found(STALE, watch(stale=True), watch(stale=True))
        assert match is not None
        assert match[0] is Severity.WARN
        assert (match[1]["fd"], match[1]["kept_by"]) == (4, "a copy")

    def test_who_keeps_it_is_told_as_far_as_it_is_known(self) -> None:
        target = PIPE._replace(details=(("open_as_fd", 7),))
        match = found(STALE, watch(stale=True), watch(stale=True, target=target))
        assert match is not None
        assert match[1]["kept_by"] == "descriptor 7 of the same process"
        match = found(STALE, watch(stale=True), watch(stale=True, shared=True))
        assert match is not None
        assert match[1]["kept_by"] == "another process"

    @pytest.mark.parametrize("first", [watch(), watch(stale=None), watch(5, stale=True)], ids=str)
    def test_one_that_was_not_before_may_be_so_for_a_moment(self, first: Watch) -> None:
        assert found(STALE, first, watch(stale=True)) is None

    def test_readings_at_nearly_the_same_time_prove_nothing(self) -> None:
        assert found(STALE, watch(stale=True), watch(stale=True), apart_ns=APART_NS - 1) is None


class TestStalled:
    edge = watch(target=socket(99), events=EPOLLIN | EPOLLET)

    @pytest.mark.parametrize("events", [EPOLLIN | EPOLLET, EPOLLONESHOT, EPOLLONESHOT | EPOLLET], ids=hex)
    def test_what_stays_unread_is_found(self, events: int) -> None:
        each = watch(target=socket(99), events=events)
        match = found(STALLED, each, each)
        assert match is not None
        assert (match[0], match[1]["unread"], match[1]["quiet_s"]) == (Severity.WARN, 99, 5.0)

    @pytest.mark.parametrize(
        "last",
        [
            watch(target=socket(98), events=EPOLLIN | EPOLLET),
            watch(target=socket(0), events=EPOLLIN | EPOLLET),
            watch(target=socket(99), events=EPOLLIN),
            watch(target=socket(99), events=EPOLLIN | EPOLLONESHOT),
            watch(target=socket(99, unsent=1), events=EPOLLIN | EPOLLET),
            watch(target=socket(1, TargetKind.TCP, state="CLOSE_WAIT"), events=EPOLLIN | EPOLLET),
            watch(target=Target(TargetKind.EVENTFD, "count 1", (("count", 1),)), events=EPOLLIN | EPOLLET),
        ],
        ids=["less", "none", "level", "armed", "slow peer", "end of stream", "eventfd"],
    )
    def test_others_are_not(self, last: Watch) -> None:
        assert found(STALLED, self.edge if last.target.kind is TargetKind.UNIX else last, last) is None

    def test_a_loop_that_had_events_or_is_away_is_not_stalled(self) -> None:
        assert found(STALLED, self.edge, self.edge, events=339) is None
        assert found(STALLED, self.edge, self.edge, waits=False) is None


def test_a_watch_that_a_holder_does_not_have_is_a_note() -> None:
    match = found(FOREIGN, watch(lacking=1), watch(lacking=1))
    assert match is not None
    assert (match[0], match[1]["lacking"], match[1]["holders"]) == (Severity.INFO, 1, 2)
    for first, last in ((watch(lacking=0), watch(lacking=1)), (watch(), watch()), (watch(lacking=1), watch(lacking=0))):
        assert found(FOREIGN, first, last) is None


def test_a_circle_of_instances_is_gone_through_once() -> None:
    inner = Target(TargetKind.EPOLL, "eventpoll")
    one, other = instance(0x100), instance(0x200)
    lists = [
        of._replace(interest=InterestList((watch(target=inner, nested=to.file),), at_ns=NOW_NS))
        for of, to in ((one, other), (other, one))
    ]
    readings = ListReadings()
    readings.look([Read(each, 0) for each in lists])
    match = judged(NESTED, traced(process_row(instances=(lists[0],))), None, readings)
    assert match is not None
    assert (match.severity, dict(match.evidence)["depth"]) == (Severity.INFO, 2)


class TestTurns:
    rows = tuple(process_row(pid, fds=40, instances=(instance(pid, holders=((pid, (8,)),)),)) for pid in (1, 2, 3))

    def test_what_fits_comes_first_and_the_rest_after_a_pause(self) -> None:
        rounds = Rounds()
        asked = [[each.file for each in rounds.due(self.rows, (), NOW_NS + at)] for at in (0, PAUSE_NS - 1, PAUSE_NS)]
        assert asked == [[1, 2], [1, 2], [3]]

    def test_a_list_comes_again_later_and_an_interesting_one_sooner(self) -> None:
        key = self.rows[0].instances[0].key
        for interesting, pauses in (((key,), 1), ((), AGAIN_NS // PAUSE_NS)):
            rounds = Rounds()
            times = [at * PAUSE_NS for at in range(pauses + 1)]
            asked = [[each.file for each in rounds.due(self.rows[:1], interesting, NOW_NS + at)] for at in times]
            assert [at for at, files in enumerate(asked) if files] == [0, pauses]

    def test_long_lists_are_left_alone_and_others_make_the_pause_longer(self) -> None:
        of = instance(1)
        for fds, number in ((FDS_MAX + 1, 0), (None, 0), (FDS_MAX, 1)):
            rounds = Rounds()
            assert len(rounds.due([process_row(fds=fds, instances=(of,))], (), NOW_NS)) == number
        assert rounds.due(self.rows, (), NOW_NS + 19 * PAUSE_NS) == (of,)
        assert [each.file for each in rounds.due(self.rows, (), NOW_NS + 21 * PAUSE_NS)] == [2, 3]
        known = [process_row(fds=40, instances=(of._replace(watches=FDS_MAX + 1),))]
        assert Rounds().due(known, (), NOW_NS) == ()
