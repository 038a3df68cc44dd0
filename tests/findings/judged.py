"""What a family finds in a window that was made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from epolltop.findings.cases import Cases
from epolltop.findings.evaluation import Match, applied, found_among
from epolltop.findings.floor import floor_of
from epolltop.findings.readings import ListReadings
from epolltop.findings.rule import AnyFamily, Family
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.model.loop_row import LoopRow
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.model.source import Probe
from tests.support.rows import process_row, snapshot

PROBES = tuple(Probe(name, "test", traces=True) for name in ("epoll_create", "files_free", "epoll_wait", "epoll_ctl"))


def matches(families: Iterable[AnyFamily], cases: Cases, settings: Settings) -> Iterator[Match]:
    """All that is found in a window."""
    return found_among([(each, each.passing(cases)) for each in applied(families, settings)], settings)


def judged(
    family: Family[Any],
    now: Snapshot,
    before: Snapshot | None = None,
    readings: ListReadings | None = None,
    settings: Settings = DEFAULTS,
) -> Match | None:
    """The only thing that is found in a window.

    Raises:
        ValueError: more was found.
    """
    floor = floor_of((family,), settings)
    cases = Cases(now, before, readings=readings, floor=floor, settings=settings)
    found = tuple(matches((family,), cases, settings))
    if not found:
        return None
    (match,) = found
    return match


def seen_by(*probes: str, now: Snapshot) -> Snapshot:
    """As if only these probes traced."""
    return replace(now, source=replace(now.source, probes=tuple(each for each in PROBES if each.name in probes)))


def traced(*rows: ProcessRow) -> Snapshot:
    """A snapshot where every probe traces."""
    now = snapshot(*rows)
    return replace(now, source=replace(now.source, probes=PROBES, sees_run_queues=True))


def running(*loops: LoopRow, **changes: object) -> ProcessRow:
    """A process with these loops."""
    return process_row(**{"loops": ProcessLoops(loops), **changes})  # type: ignore[arg-type]
