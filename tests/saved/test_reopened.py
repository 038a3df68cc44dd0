from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epolltop.errors import Unplayable
from epolltop.model.ctl_activity import CtlCounts, CtlKey, CtlOperation
from epolltop.model.event import Syscall
from epolltop.model.finding import FACTS_MAX, About, Finding, Findings, Severity
from epolltop.model.limits import DERIVED, LEFT_OUT, ONLY_PROC, TOLD, Limit
from epolltop.model.process import ProcessKey
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Extent, Snapshot
from epolltop.model.source import Probe
from epolltop.model.watch import NOT_SEEN, InterestList, Target, TargetKind, Watch
from epolltop.output.report import Report
from epolltop.query.view import PROCESSES, View
from epolltop.saved.opening import open_saved
from epolltop.saved.snapshot_reader import reopened
from tests.model.test_any_order import FATES, STEPS, Step, _deliver, _run
from tests.support.examples import EVENTS, HOSTILE, NGINX, OLD, SHARED, bounded, exact, looping
from tests.support.formats import FORMATS, document_of
from tests.support.recordings import show
from tests.support.records import NOW_NS, SECOND_NS
from tests.support.watched import Watched


def changing() -> Snapshot:
    """With what processes asked for of interest lists."""
    made, asked, other = exact(), CtlKey(OLD.file, 0, NGINX.key), CtlKey(SHARED.file, SHARED.since_ns, HOSTILE.key)
    probes = (*made.source.probes, Probe("epoll_ctl", "tracepoint:syscalls:sys_exit_epoll_ctl", traces=True))
    return replace(
        made,
        source=replace(made.source, probes=probes),
        ctl={asked: CtlCounts(3, 2, 1, 4, 1), other: CtlCounts(add=1)},
        ctl_errors={other: {(CtlOperation.ADD, 17): 1, (CtlOperation.UNKNOWN, 4095): 7}},
    )


def watching() -> Snapshot:
    """With what instances watch: some targets named, one stale, one an instance, one of a kind not seen."""
    made = exact()
    told = InterestList(
        (
            Watch(
                4, 0x80000001, 4, Target(TargetKind.TCP, "[::1]:80", (("state", "LISTEN"), ("backlog", 5))), False, None
            ),
            Watch(5, 0x40000019, 1 << 63, Target(TargetKind.PIPE, "pipe:[7]"), True, True),
            Watch(5, 0x10, 0, Target(TargetKind.EPOLL, "eventpoll"), False, False, SHARED.file),
            Watch(9, 1 << 20, 9, NOT_SEEN, None, None),
        ),
        more=3,
        unnamed=1,
    )
    asked = {OLD: OLD._replace(interest=told, watches=told.length)}
    asked[SHARED] = SHARED._replace(interest=InterestList(()), watches=0)
    rows = [replace(row, instances=tuple(asked.get(each, each) for each in row.instances)) for row in made.processes]
    return replace(made, processes=tuple(rows))


def found() -> Snapshot:
    """With a finding that has as much evidence as one may have, by a threshold that was changed."""
    facts = tuple((f"fact_{number}", number) for number in range(FACTS_MAX))
    about = About(ProcessKey(9, 7000))
    finding = Finding("spin-shared", Severity.CRITICAL, about, "other 9", NOW_NS - SECOND_NS, False)
    thresholds = {"spin.waits_per_s": 0.5}
    findings = Findings([finding._replace(evidence=facts)])
    return replace(exact(), findings=findings, judged_s=1.5, thresholds=thresholds)


MADE: dict[str, Callable[[], Snapshot]] = {
    "exact": exact,
    "bounded": bounded,
    "changing": changing,
    "watching": watching,
    "found": found,
    "uncounted": lambda: exact(window_s=0.0),
    "looping": looping,
    "uncounted loops": lambda: looping(window_s=0.0),
}


def document(snapshot: Snapshot, **given: Any) -> dict[str, Any]:
    return document_of(Report(snapshot, View(PROCESSES), snapshot.processes, **given))


def again(written: dict[str, Any], selection: Selection | None = None) -> Snapshot:
    return reopened(json.dumps(written).encode(), selection or Selection())


def as_replayed(written: dict[str, Any]) -> dict[str, Any]:
    return written | {"source": written["source"] | {"kind": "replay"}}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("events", [None, EVENTS])
def test_a_snapshot_becomes_the_document_it_was_read_from(made: str, events: Any) -> None:
    written = document(MADE[made](), events=events)
    snapshot = again(written)
    assert document(snapshot, events=events and snapshot.journal) == as_replayed(written)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_the_same(format: str) -> None:
    lived = exact()
    recalled = again(document(lived))
    (before, after) = (
        FORMATS[format](Report(snapshot, View(PROCESSES), snapshot.processes, width=120)).replace(
            "source replay", "source bpf"
        )
        for snapshot in (lived, recalled)
    )
    assert after.replace('"kind": "replay"', '"kind": "bpf"') == before


@settings(max_examples=100)
@given(STEPS, FATES)
def test_whatever_happened(steps: list[Step], fates: list[tuple[int, ...]]) -> None:
    world = Watched(tell_all=True)
    for tick in _deliver(_run(steps), fates):
        world.apply(tick)
    # Its clock runs in nanoseconds, and a window that rounds to nothing counts as none.
    snapshot = replace(world.look(), window_s=1.0, observed_s=1.0)
    written = document(snapshot, events=snapshot.journal)
    recalled = again(written)
    assert document(recalled, events=recalled.news) == as_replayed(written)
    assert [row.key for row in recalled.processes] == [row.key for row in snapshot.processes]
    for row, before in zip(recalled.processes, snapshot.processes, strict=True):
        assert [instance.holders for instance in row.instances] == [instance.holders for instance in before.instances]


def test_loops_are_what_they_were() -> None:
    lived, recalled = looping(), again(document(looping()))
    for before, after in zip(lived.loops, recalled.loops, strict=True):
        was = before.turn and before.turn._replace(name=before.thread)
        assert (after.key.tid, after.instance, after.thread) == (before.key.tid, before.instance, before.thread)
        assert after.turn == (was._replace(entered_ns=0) if was and was.returned_ns else was)
        for times in ("waiting", "away", "poll_delay"):
            assert getattr(after.did, times) == getattr(before.did, times)
        assert after.did.counted.total == before.did.counted.total
        busy = before.busy(lived.begin_ns, lived.now_ns)
        assert after.busy(lived.begin_ns, lived.now_ns) == pytest.approx(busy, abs=0.0005)
        assert after.lag_ns(lived.now_ns) == before.lag_ns(lived.now_ns)
        assert (after.is_elsewhere, after.shared, after.unattended_since_ns) == (
            before.is_elsewhere,
            before.shared,
            before.unattended_since_ns,
        )


def test_interest_lists_are_what_they_were() -> None:
    lived = watching()
    recalled = again(document(lived))
    told = [
        [instance.interest for row in made.processes for instance in row.instances if instance.interest]
        for made in (lived, recalled)
    ]
    assert told[0] == told[1]
    assert any(each.more for each in told[1])


@pytest.mark.parametrize(
    "change",
    [{"events": ["EPOLLSOMETHING"]}, {"events": ["0x100000000"]}, {"data": "0x10000000000000000"}, {"data": "7"}],
)
def test_a_watch_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    written = document(watching())
    (instance, *_) = [each for row in written["processes"] for each in row["instances"] if each.get("interest")]
    instance["interest"][0] |= change
    with pytest.raises(Unplayable):
        again(written)


def test_a_kind_of_target_that_a_later_version_knows_is_another_one() -> None:
    written = document(watching())
    (instance, *_) = [each for row in written["processes"] for each in row["instances"] if each.get("interest")]
    instance["interest"][0]["kind"] = "quic"
    kinds = [
        watch.target.kind
        for row in again(written).processes
        for each in row.instances
        if each.interest
        for watch in each.interest.watches
    ]
    assert kinds[0] is TargetKind.OTHER


def test_instances_are_what_they_were() -> None:
    lived, recalled = exact(), again(document(exact()))
    key = recalled.processes[0].key  # started when the row says: the made one contradicts itself
    (before,), (after,) = lived.unheld, recalled.unheld
    assert after == before._replace(creator=key)
    assert recalled.processes[1].instances[1].syscall is Syscall.EPOLL_CREATE
    assert [instance.id for row in recalled.processes for instance in row.instances] == [
        instance.id for row in lived.processes for instance in row.instances
    ]


@pytest.mark.parametrize(
    ("flags", "told"),
    [([True, None, False], (None, False, True)), ([True, False], (None, None, None)), ([], (None,) * 3)],
)
def test_each_flag_stays_with_its_descriptor_in_whatever_order_they_stand(
    flags: list[bool | None], told: tuple[bool | None, ...]
) -> None:
    written = document(exact())
    written["processes"][0]["instances"][0] |= {"fds": [12, 3, 7], "cloexec": flags}
    row = again(written).processes[0]
    assert row.instances[0].fds_of(row.key) == (3, 7, 12)
    assert row.instances[0].cloexec_of(row.key) == told


def test_holders_that_a_filter_left_out_are_still_holders() -> None:
    snapshot = exact()
    written = document_of(Report(snapshot, View(PROCESSES), snapshot.processes[:1]))
    recalled = again(written)
    shared = recalled.processes[0].instances[1]
    assert [holder.process.pid for holder in shared.holders] == [42, 77]
    assert shared.holders[1].fds == ()
    assert recalled.source.limits[-1] == Limit.of(LEFT_OUT, processes=2)
    assert recalled.extent == Extent(processes=1, holding=1, instances=3, in_flight=1)
    assert recalled.of == Extent(processes=3, holding=2, instances=4, in_flight=1)


def test_a_selection_counts_as_if_only_it_had_been_observed() -> None:
    recalled = again(document(exact(), events=EVENTS), Selection(frozenset({42})))
    assert [row.pid for row in recalled.processes] == [42]
    assert (recalled.open, recalled.unheld) == (2, ())
    assert recalled.totals.created == recalled.processes[0].created
    assert {event.pid for event in recalled.journal} == {42}
    assert recalled.journal_end == len(recalled.journal)


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(FORMATS["json"](Report(exact(), View(PROCESSES), exact().processes)))
    assert open_saved(path, Selection(), onwards=False) == again(document(exact()))


# From strangers.


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"{", "not a snapshot of epolltop: Input data was truncated"),
        (b"{}", "not a snapshot of epolltop: Object missing required field `schema`"),
        (b'{"schema": 1}', "not a snapshot of epolltop: Expected `str`, got `int` - at `$.schema`"),
        (b'{"schema": "\\u001b[31m"}', r"a file of schema \x1b[31m; this epolltop reads epolltop.snapshot/1"),
        (b'{"schema": "epolltop.snapshot/2"}', "of schema epolltop.snapshot/2; this epolltop reads epolltop.snaps"),
        (b'{"schema": "epolltop.snapshot/1"}', "not a snapshot of epolltop: Object missing required field"),
        (b'{"schema": ' + b"[" * 100_000, "not a snapshot of epolltop: "),
    ],
)
def test_what_is_no_snapshot_is_said_in_a_sentence(raw: bytes, why: str) -> None:
    with pytest.raises(Unplayable) as caught:
        reopened(raw, Selection())
    assert why in str(caught.value)
    assert str(caught.value).isprintable()


def paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """To everything inside."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return (
        [path, *(inner for key, each in items for inner in paths(each, (*path, key)))]
        if path
        else [inner for key, each in items for inner in paths(each, (key,))]
    )


WHOLE = document(exact(), events=EVENTS)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(
        ["", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-01-31T12:00:00", "0@0", "f@9", "1e5", [], {}]
    )
    | st.lists(st.integers(-1, 1 << 63), max_size=3)
)


@settings(max_examples=1000)
@given(st.sampled_from(paths(WHOLE)), VALUES)
def test_any_other_value_is_refused_or_does_no_harm(path: tuple[Any, ...], value: object) -> None:
    changed: Any = copy.deepcopy(WHOLE)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    try:
        snapshot = again(changed)
    except Unplayable:
        return
    show(snapshot)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-01-31T12:00:00"])
@pytest.mark.parametrize("path", [("processes", 0, "started_at"), ("events", 1, "epoll", "created_at")])
def test_times_of_no_computer_are_refused(path: tuple[Any, ...], at: str) -> None:
    changed: Any = copy.deepcopy(WHOLE)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    assert isinstance(inner[path[-1]], str)
    inner[path[-1]] = at
    with pytest.raises(Unplayable):
        again(changed)


@pytest.mark.parametrize("clock", ["boottime_ns", "realtime_ns"])
@pytest.mark.parametrize("ns", [0, (1 << 63) - 1])
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo"])
def test_clocks_may_say_anything(clock: str, ns: int, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    changed = copy.deepcopy(WHOLE)
    for process in changed["processes"]:
        process["started_at"] = None
    changed["clocks"][clock] = ns
    show(again(changed))
    monkeypatch.undo()
    time.tzset()


def test_thresholds_are_those_that_the_file_was_judged_by() -> None:
    written = document(found())
    assert written["thresholds"] == [{"name": "spin.waits_per_s", "value": 0.5}]
    assert again(written).thresholds == {"spin.waits_per_s": 0.5}
    assert again(document(replace(found(), thresholds={}))).thresholds == {}
    del written["thresholds"]
    assert again(written).thresholds is None


def test_text_is_made_safe_again() -> None:
    written = document(exact(), events=EVENTS)
    evil, shown = "\x1b[31m\u202e\n", r"\x1b[31m\u202e\x0a"
    written["processes"][0] |= {"name": evil, "command": evil, "user": evil, "cgroup": evil, "container": evil}
    written["events"][0]["processName"] = evil
    written["host"]["hostname"] = evil
    written["source"]["census_by"] = evil
    written["limits"] = [{"id": evil, "severity": evil, "remedy": None, "evidence": {evil: evil}}]
    written["source"]["probes"][0] |= {"name": evil, "attached_to": evil}
    recalled = again(written)
    row = recalled.processes[0]
    assert (row.name, row.command, row.user, row.facts.cgroup, row.facts.container) == (shown,) * 5
    assert recalled.journal[0].name == shown
    source = recalled.source
    assert (source.host.hostname, source.census_by) == (shown, shown)
    assert source.limits == (Limit(shown, ((shown, shown),)),)
    assert (source.probes[0].name, source.probes[0].attached_to) == (shown, shown)


def test_a_file_from_before_limits_had_ids_says_the_same() -> None:
    written = document(bounded())
    before = {name: written["source"][name] for name in ("fallback", "blind_spots")}
    del written["limits"]
    recalled = again(written)
    assert [limit.id for limit in recalled.source.limits] == [ONLY_PROC, TOLD]
    rewritten = document(recalled)
    assert {name: rewritten["source"][name] for name in before} == before


def test_limits_that_follow_from_numbers_are_not_told_twice() -> None:
    once = again(document(exact()))
    assert document(once)["limits"] == document(exact())["limits"]
    assert not DERIVED & {limit.id for limit in once.source.limits}


@pytest.mark.parametrize("history", [[0.0] * 61, [-1.0], [1e30], [None]])
def test_a_history_longer_than_is_kept_or_of_no_rates_is_refused(history: list[float]) -> None:
    written = document(exact())
    written["processes"][0]["history"] = [0.5] * 60
    assert again(written).processes[0].rates_kept("history") == (0.5,) * 60
    written["processes"][0]["history"] = history
    with pytest.raises(Unplayable):
        again(written)
