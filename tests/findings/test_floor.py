"""The floor leaves out only loops of which no rule finds anything."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.findings.cases import Cases
from epolltop.findings.families import FAMILIES
from epolltop.findings.families.siblings import UNBALANCED
from epolltop.findings.floor import Floor, floor_of
from epolltop.findings.rule import AnyFamily
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.model.histogram import Histogram
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.process_row import ProcessRow
from epolltop.model.watch import InterestList, Target, TargetKind, Watch
from tests.support.records import NOW_NS, turn
from tests.support.rows import instance, loop_row, process_row

from .judged import matches, traced

MS = 1_000_000
OF_LOOPS = [each for each in FAMILIES if each.of == "loop"]
SETTINGS = (
    DEFAULTS,
    Settings({"idle.per_s": 1, "late.poll_delay_ms": 1, "herd.wakes_per_s": 1, "unbalanced.events_per_s": 1}),
    Settings({"idle.per_s": 500, "interrupted.per_s": 500, "batches.full_per_s": 500, "blocked.away_ms": 200}),
)
LISTENER = Watch(
    3, 1, 3, Target(TargetKind.TCP, "127.0.0.1:80", (("inode", 7), ("state", "LISTEN"))), stale=False, shared=None
)
LISTS = st.sampled_from([None, InterestList((LISTENER,)), InterestList((), at_ns=NOW_NS)])
RATES = st.sampled_from([0, 1, 9, 10, 11, 49, 50, 100, 301, 1000])
TIMES = st.sampled_from([0, 9, 10, 99, 100, 1000]).map(lambda ms: ms * MS)
OUTCOMES = st.sampled_from(["events", "timeouts_met", "interrupted", "zero_empty", "full"])


@st.composite
def workers(draw: st.DrawFn, pid: int) -> ProcessRow:
    """A process with loops on instances of its own, of which each brings what all of its waits do."""
    loops, held = [], []
    for number in range(draw(st.integers(1, 4))):
        of = instance(pid << 8 | number, holders=((pid, (8 + number,)),), watches=1000)._replace(interest=draw(LISTS))
        waits, outcome, away_ns = draw(RATES), draw(OUTCOMES), draw(TIMES)
        did = {"waits": waits, "events": 0, "wakes": 0, "timeouts_met": 0, "interrupted": 0, outcome: waits}
        if outcome in ("events", "full"):
            did |= {"events": waits, "wakes": waits}
        hot = {"hot_data": 3, "hot_mask": 1, "hot_run": 1000} if waits == 1000 and draw(st.booleans()) else {}
        left_ns = NOW_NS - draw(TIMES)
        now = turn(left_ns - 7000 * MS, draw(st.sampled_from([0, left_ns])), **hot)
        known: dict[str, Any] = {
            "away_ns": away_ns,
            "cpu_ns": away_ns,
            "away": histogram(away_ns, 1),
            "waiting": histogram(1, waits),
            "poll_delay": histogram(draw(TIMES), did["timeouts_met"]),
            "was_away_ns": away_ns,
        }
        loops.append(loop_row(of, pid=pid, tid=pid + number, turn=now, **did | known))
        held.append(of)
    return process_row(pid, ppid=1, image=5, instances=tuple(held), loops=ProcessLoops(loops))


def histogram(ns: int, times: int) -> Histogram:
    return Histogram((*(0,) * ns.bit_length(), times), ns) if ns and times else Histogram((), 0)


ROWS = st.tuples(workers(100), workers(200), workers(300))


@pytest.mark.parametrize("settings", SETTINGS, ids=("defaults", "lower", "higher"))
@given(rows=ROWS)
def test_what_is_found_of_all_loops_is_found_above_it(settings: Settings, rows: tuple[ProcessRow, ...]) -> None:
    now = traced(*rows)
    every, some = (
        Counter(
            (match.rule.id, match.about, match.severity, match.evidence) for match in matches(FAMILIES, of, settings)
        )
        for of in (
            Cases(now, now, settings=settings),
            Cases(now, now, floor=floor_of(FAMILIES, settings), settings=settings),
        )
    )
    assert every == some


@pytest.mark.parametrize("family", OF_LOOPS, ids=[each.name for each in OF_LOOPS])
def test_each_rule_compares_what_the_floor_is_about(family: AnyFamily) -> None:
    wanted = {"all": {"waits_per_s", "time_s"}, "kin": {"wakes_per_s", "events_per_s", "imbalance"}, "empty": set()}
    for rule in family.rules:
        told = {each.value.reach for each in (*family.gate, *rule.conditions) if each.at_least} - {None}
        assert told <= wanted[family.among]
        assert told or family.among == "empty"
        assert ("imbalance" in told) == ("events_per_s" in told)


def test_it_follows_the_thresholds() -> None:
    assert floor_of(FAMILIES, DEFAULTS) == Floor(10, 0.1, 50, 100, 3)
    assert floor_of(FAMILIES, Settings({"blocked.away_ms": 1, "spin.waits_per_s": 2}))[:2] == (2, 0.001)
    assert floor_of((UNBALANCED,), DEFAULTS)[:2] == (math.inf, math.inf)
