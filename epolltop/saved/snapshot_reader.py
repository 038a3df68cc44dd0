"""A snapshot file (schema epolltop.snapshot/1) turned back into the snapshot it was written from.

What the file does not tell is not known again: processes that a filter left out, descriptors of holders that
are not listed, when creators that are not listed started, and the arguments of releases.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import msgspec

from epolltop.errors import Unplayable
from epolltop.model.batch import TABLES, Cost
from epolltop.model.bounds import TICKS_BELOW
from epolltop.model.counts import Totals
from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.finding import Findings
from epolltop.model.kept_rates import KEPT_RATES
from epolltop.model.limits import DERIVED, LEFT_OUT, ONLY_PROC, Limit
from epolltop.model.process import NS_PER_TICK, CodeFile, Process, ProcessKey
from epolltop.model.process_row import Growth, ProcessRow
from epolltop.model.process_selection import Selection
from epolltop.model.rates import Counted
from epolltop.model.snapshot import Extent, Snapshot
from epolltop.model.source import Host, Probe, Source
from epolltop.model.thread_waits import ThreadWaits
from epolltop.query.creation_stacks import CODE_FILE
from epolltop.query.descriptor_fields import DESCRIPTORS, THREAD_WAITS
from epolltop.query.document_members import COST, DOCUMENT, HOST, SCHEMA, TOTALS
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.process_members import PROCESS
from epolltop.query.source_members import PROBE, SOURCE
from epolltop.query.view import EVENTS
from epolltop.saved.ctl_reader import read_ctl
from epolltop.saved.event_reader import read_event
from epolltop.saved.finding_reader import read_findings, read_thresholds
from epolltop.saved.instance_reader import SavedInstances
from epolltop.saved.loop_reader import read_loops
from epolltop.saved.read_back import read_back
from epolltop.saved.snapshot_form import DOCUMENT_TYPE, Schema, Written
from epolltop.saved.two_clocks import TwoClocks
from epolltop.text.safe import printable

_LEFT_OUT = " left out when the snapshot was written"
"""Ends the sentence of a file that was reopened and written again; it is told anew."""


def reopened(raw: bytes, selection: Selection) -> Snapshot:
    """The snapshot that a file shows.

    Args:
        raw: the file.
        selection: which of its processes count.

    Raises:
        Unplayable: it is no snapshot file, or says what no snapshot says.
    """
    try:
        schema = msgspec.json.decode(raw, type=Schema).schema
        if schema != SCHEMA:
            raise Unplayable(f"a file of schema {schema[:40]}; this epolltop reads {SCHEMA}")
        snapshot = _snapshot(msgspec.json.decode(raw, type=DOCUMENT_TYPE))
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise Unplayable(f"not a snapshot of epolltop: {error}") from None
    return snapshot if selection.is_all else _selected(snapshot, selection)


def _snapshot(document: Written) -> Snapshot:
    totals, clocks = document.totals, _clocks(document)
    keyed = [(_key(process, clocks), process) for process in document.processes]
    instances = SavedInstances(keyed)
    events = tuple(read_event(event, clocks) for event in document.events or ())
    if document.view.of == EVENTS.id:  # they stand in the order of that view
        events = tuple(sorted(events, key=attrgetter("time_ns")))
    source = _source(document)
    unheld = tuple(instances.instance(instance) for instance in document.in_flight or ())
    rows = tuple(_row(process, key, instances, source, document) for key, process in keyed)
    whole = read_back(TOTALS, totals, Extent)
    found, over = read_findings(document.findings, clocks)
    listed = len(instances.made)
    return read_back(
        DOCUMENT,
        document,
        Snapshot,
        now_ns=clocks.boottime_ns,
        wall_ns=clocks.realtime_ns,
        source=source,
        totals=read_back(TOTALS, totals, Totals),
        open=listed,
        unheld=unheld,
        create_per_s=totals.create_per_s or 0.0,
        release_per_s=totals.release_per_s or 0.0,
        processes=rows,
        journal=events,
        journal_end=len(events) + (document.events_left_out or 0),
        news=events,
        cost=read_back(COST, document.self, Cost),
        cpu_share=document.self.cpu_share,
        lacking=source.exact and totals.exact is False,
        unseen=totals.unseen_creations or 0,
        partly_listed=totals.partly_listed or False,
        findings=Findings(found),
        ended_findings=over,
        findings_left_out=document.findings_left_out or 0,
        judged_s=None if document.findings is None else document.judged_s or 0.0,
        thresholds=read_thresholds(document.thresholds),
        **read_ctl(keyed),
        looked_ns=clocks.boottime_ns - round(document.census_age_s * 1e9) if document.census_age_s is not None else 0,
        of=whole if whole.processes > len(rows) or whole.instances > listed else None,
    )


def _clocks(document: Written) -> TwoClocks:
    return TwoClocks(document.clocks.boottime_ns, document.clocks.realtime_ns)


def _source(document: Written) -> Source:
    source = document.source
    return read_back(
        SOURCE,
        source,
        Source,
        kind="replay",
        host=read_back(HOST, document.host, Host),
        probes=tuple(read_back(PROBE, probe, Probe) for probe in source.probes),
        limits=tuple(_limits(document)),
    )


def _limits(document: Written) -> Iterator[Limit]:
    """What the source told, and what the file leaves out itself."""
    source, totals = document.source, document.totals
    if document.limits is not None:
        listed = (Limit(each.id, tuple((each.evidence or {}).items())) for each in document.limits)
        told = [limit for limit in listed if limit.id not in DERIVED]
    else:  # files had sentences only
        told = [Limit.told(source.fallback, ONLY_PROC)] if source.fallback else []
        told += [Limit.told(sentence) for sentence in source.blind_spots if not sentence.endswith(_LEFT_OUT)]
    yield from (limit.passed_through(printable) for limit in told)
    if totals.processes > totals.shown:
        yield Limit.of(LEFT_OUT, processes=totals.processes - totals.shown)


def _key(process: Written, clocks: TwoClocks) -> ProcessKey:
    """Its start is written to the microsecond, and is a whole number of clock ticks."""
    if process.started_at is None:
        return ProcessKey(process.pid, 0)
    start = round(clocks.boot_ns_at(process.started_at) / NS_PER_TICK)
    if not 0 <= start < TICKS_BELOW:
        raise ValueError("a start time that no process can have")
    return ProcessKey(process.pid, start)


def _row(process: Written, key: ProcessKey, instances: SavedInstances, source: Source, document: Written) -> ProcessRow:
    clocks = _clocks(document)
    held = tuple(instances.instance(instance) for instance in process.instances)
    return read_back(
        PROCESS,
        process,
        ProcessRow,
        key=key,
        facts=read_back(PROCESS, process, Process, key=key, code_files=_code_files(process)),
        started_ns=key.start * NS_PER_TICK if key.start else None,
        instances=held,
        counted=tuple(_counted(process, table.none) for table in TABLES.values()),
        histories=tuple(tuple(getattr(process, name, None) or ()) for name in KEPT_RATES),
        lacking=source.exact and process.exact is False,
        more_instances=max(0, process.open - len(held)),
        growth=_growth(process, clocks),
        loops=read_loops(process, key, document, clocks),
        descriptors=process.descriptors and read_back(DESCRIPTORS, process.descriptors, Descriptors),
        thread_waits=process.thread_waits and read_back(THREAD_WAITS, process.thread_waits, ThreadWaits),
    )


def _code_files(process: Written) -> tuple[CodeFile, ...]:
    return tuple(read_back(CODE_FILE, file, CodeFile) for file in process.code_files or ())


_RATES = {field.observed: field.id for field in PROCESS_FIELDS if field.unit == "per_s" and not field.many}
"""Members that are the rate of a counter."""


def _counted(process: Written, none: Any) -> Counted[Any]:
    """A record of counters, each of which the file may tell, and their rates."""
    rates = (getattr(process, _RATES.get(name, ""), None) or 0.0 for name in none._fields)
    return Counted(read_back(PROCESS, process, type(none)), tuple(rates))


def _growth(process: Written, clocks: TwoClocks) -> Growth | None:
    per_min, per_hour, over_s = process.net_per_min, process.net_per_hour, process.growth_over_s
    if per_min is None or per_hour is None or over_s is None:
        return None
    left_s, left = process.fd_limit_in_s, (process.fd_limit or 0) - (process.fds or 0)
    fds_per_s = None if left_s is None else left / left_s if left_s > 0 else 1.0  # whatever: nothing is left
    return Growth(per_min, per_hour, fds_per_s, clocks.boottime_ns - round(over_s * 1e9))


def _selected(snapshot: Snapshot, selection: Selection) -> Snapshot:
    """As if only these had been observed: what all processes did together is left out of the sums."""
    uids = {row.key: row.uid for row in snapshot.processes}
    rows = tuple(row for row in snapshot.processes if selection.covers(row.pid, row.uid))
    events = tuple(
        event for event in snapshot.journal if selection.covers(event.pid, uids.get(event.process, event.uid))
    )
    keys = {row.key for row in rows}
    changes: dict[str, Any] = {
        "processes": rows,
        "totals": Totals(*(sum(getattr(row, name) for row in rows) for name in ("created", "failed", "released"))),
        "open": len({instance.id for row in rows for instance in row.instances}),
        "unheld": (),
        "create_per_s": sum(row.create_per_s for row in rows),
        "release_per_s": sum(row.release_per_s for row in rows),
        "lacking": snapshot.lacking or bool(snapshot.source.unattributed),
        "journal": events,
        "journal_end": len(events),
        "news": events,
        "of": None,
        "findings": Findings(each for each in snapshot.findings if each.about.process in keys),
        "ended_findings": tuple(each for each in snapshot.ended_findings if each.about.process in keys),
        "absent": selection.absent({row.pid for row in rows}),
    }
    return dataclasses.replace(snapshot, **changes)
