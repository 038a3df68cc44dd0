"""The content of a snapshot file as data; `query/document_members.py` declares each member."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from epolltop.model.bounds import EVENTS_MAX, HOLDERS_MAX
from epolltop.model.event import Event
from epolltop.model.instance import Instance
from epolltop.model.loop_of import LoopOf
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.process_row import ProcessRow
from epolltop.model.watch import InterestList, Watch
from epolltop.output.jsontext import Json
from epolltop.output.report import Report
from epolltop.query.document_members import BRIEF, DOCUMENT, Contents
from epolltop.query.filter import everything
from epolltop.query.instance_fields import InstanceOf
from epolltop.query.view import EVENTS, FINDINGS, INSTANCES, LOOPS, PROCESSES, WATCHES, processes_of
from epolltop.query.watch_of import WatchOf


def snapshot_document(report: Report[Any]) -> Json:
    """One snapshot with generators for its long arrays; without a window, its counts and rates are unknown."""
    contents = _contents(report) if report.watches else _without_lists(_contents(report))
    structure = DOCUMENT if _holders(contents) <= HOLDERS_MAX else BRIEF
    return structure.written(contents, report.snapshot)


def _without_lists(contents: Contents) -> Contents:
    """The same without what instances watch."""
    return contents._replace(
        processes=[
            dataclasses.replace(row, instances=tuple(each._replace(interest=None) for each in row.instances))
            if any(each.interest is not None for each in row.instances)
            else row
            for row in contents.processes
        ],
        in_flight=[each._replace(interest=None) for each in contents.in_flight],
    )


def _holders(contents: Contents) -> int:
    """All instances, under each process that holds them."""
    return sum(len(instance.holders) for row in contents.processes for instance in row.instances)


def _contents(report: Report[Any]) -> Contents:
    """The rows, and for context the processes and instances that they belong to."""
    contents = _rows_in_context(report)
    if report.view.subject.id == FINDINGS.id:
        return contents._replace(findings=report.rows)
    found = FINDINGS.rows(report.snapshot)
    if _is_everything(contents, report):
        return contents._replace(findings=found)
    processes = {row.key for row in contents.processes}
    return contents._replace(findings=[each for each in found if each.about.process in processes])


def _rows_in_context(report: Report[Any]) -> Contents:
    snapshot, view = report.snapshot, report.view
    if view.subject.id == EVENTS.id:
        whole = _telling(report, PROCESSES.rows(snapshot), snapshot.unheld)
        return _with_last(whole, report.rows)
    chosen = _chosen(report)
    # Which processes are chosen says nothing about instances that nobody holds.
    contents = chosen if view.subject.id == INSTANCES.id else chosen._replace(in_flight=snapshot.unheld)
    if report.events is None:
        return contents
    if _is_everything(contents, report):
        return _with_last(contents, report.events)
    return _with_last(contents, list(filter(_about(chosen), report.events)))


def _telling(report: Report[Any], processes: Sequence[ProcessRow], in_flight: Sequence[Instance]) -> Contents:
    return Contents(report.view, report.filter_text, processes, in_flight, ())


def _with_last(contents: Contents, events: Sequence[Event]) -> Contents:
    return contents._replace(events=events[-EVENTS_MAX:])


def _chosen(report: Report[Any]) -> Contents:
    if report.view.subject.id == INSTANCES.id:  # of one process, too
        return _telling(report, *_holding(report.rows))
    if report.view.subject.id == LOOPS.id:
        return _telling(report, _with_loops(report.rows), ())
    if report.view.subject.id == WATCHES.id:
        return _telling(report, *_holding(_with_watches(report.rows)))
    if report.view.subject.id == FINDINGS.id:
        about = processes_of(report.rows)
        return _telling(report, [row for row in PROCESSES.rows(report.snapshot) if row.key in about], ())
    return _telling(report, report.rows, ())


def _about(chosen: Contents) -> Callable[[Event], bool]:
    """Whether one of these processes acted, or the event is about one of these instances."""
    processes = {row.key for row in chosen.processes}
    files = {each.key for row in chosen.processes for each in row.instances}
    files.update(each.key for each in chosen.in_flight)
    return lambda event: event.process in processes or event.instance_key in files


def _is_everything(contents: Contents, report: Report[Any]) -> bool:
    """Whether no rows were chosen: only then the file also has events of processes that have ended and have no row."""
    if report.view.subject.id == LOOPS.id:
        listed, there = len(report.rows), report.snapshot.loop_count
    elif report.view.subject.id in (WATCHES.id, FINDINGS.id, EVENTS.id):
        listed, there = len(report.rows), len(report.view.subject.rows(report.snapshot))
    else:
        listed = sum(len(row.instances) for row in contents.processes) + len(contents.in_flight)
        there = sum(len(row.instances) for row in report.snapshot.processes) + report.snapshot.in_flight
    return report.view.filter is everything and listed == there


def _holding(rows: Iterable[InstanceOf]) -> tuple[list[ProcessRow], list[Instance]]:
    """Each holder with its instances among the rows, and instances without a holder, in the order of the rows."""
    processes: dict[ProcessKey, tuple[ProcessRow, list[Instance]]] = {}
    in_flight = []
    for instance, process, _ in rows:
        if process is None:
            in_flight.append(instance)
        else:
            processes.setdefault(process.key, (process, []))[1].append(instance)
    return [_holding_only(*held) for held in processes.values()], in_flight


def _holding_only(row: ProcessRow, told: Sequence[Instance]) -> ProcessRow:
    """It holds as many as before, of which only these are told, with the loops on them."""
    ids = {each.id for each in told}
    return _only(row, told, [loop for loop in row.loops if loop.instance in ids])


def _with_loops(rows: Iterable[LoopOf]) -> list[ProcessRow]:
    """Each process with those of its loops that are among the rows, and their instances, in the order of rows."""
    processes: dict[ProcessKey, list[LoopOf]] = {}
    for row in rows:
        processes.setdefault(row.process.key, []).append(row)
    return [_only(told[0].process, _instances_of(told), [each.loop for each in told]) for told in processes.values()]


def _with_watches(rows: Iterable[WatchOf]) -> Iterator[InstanceOf]:
    """Each instance with those of its watches that are among the rows, in the order of rows."""
    told: dict[tuple[str, ProcessKey | None], tuple[WatchOf, list[Watch]]] = {}
    for row in rows:
        holder = row.process.key if row.process else None
        told.setdefault((row.instance.id, holder), (row, []))[1].append(row.watch)
    for first, watches in told.values():
        interest = (first.instance.interest or InterestList(()))._replace(watches=tuple(watches))
        yield InstanceOf(first.instance._replace(interest=interest), first.process)


def _instances_of(rows: Iterable[LoopOf]) -> list[Instance]:
    """Each once."""
    return list({row.instance.id: row.instance for row in rows if row.instance}.values())


def _only(row: ProcessRow, instances: Sequence[Instance], loops: Sequence[LoopRow]) -> ProcessRow:
    return dataclasses.replace(
        row, instances=tuple(instances), more_instances=row.open - len(instances), loops=ProcessLoops(loops)
    )
