"""All members of a snapshot file, schema epolltop.snapshot/1. Each is declared here once.

From a declaration follow what is written, what a reader accepts (`saved/snapshot_form.py`), the file
docs/snapshot.schema.json and the tables of docs/snapshot.md. Numbers are raw, with their SI unit in the name; null is
unknown. Adding is free; renaming or changing a meaning needs a new schema number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from epolltop.model.bounds import EVENTS_MAX, THRESHOLDS_MAX
from epolltop.model.event import Event
from epolltop.model.finding import Finding
from epolltop.model.instance import Instance
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Extent, Snapshot
from epolltop.model.source import Host
from epolltop.query.asked_lists import needs_lists
from epolltop.query.derived_limits import limits_of
from epolltop.query.event_record import EVENT
from epolltop.query.finding_members import findings_of, thresholds_of
from epolltop.query.instance_fields import InstanceOf
from epolltop.query.member import Member, Structure, listed, long_list, rounded, same, within
from epolltop.query.process_members import INSTANCE, brief, process
from epolltop.query.source_members import LIMIT, SOURCE
from epolltop.query.view import SUBJECTS, View, held_instances
from epolltop.query.watches_read import WatchesRead, watches_read
from epolltop.text.numbers import timestamp
from epolltop.text.safe import safe

SCHEMA = "epolltop.snapshot/1"
_SPAN_BELOW_S = 10**10
"""Seconds: 317 years, so that a time of day can be told."""


class Contents(NamedTuple):
    """What a snapshot file tells of a snapshot."""

    view: View[Any]
    filter_text: str
    """The view's filter as it was typed."""
    processes: Sequence[ProcessRow]
    """With those of their instances that the file lists."""
    in_flight: Sequence[Instance]
    findings: Sequence[Finding]
    """Those that are open first."""
    events: Sequence[Event] | None = None
    """None: the file has no events, and does not say how many there are."""


def _extent(snapshot: Snapshot) -> Extent:
    return snapshot.of or snapshot.extent


def _counted(name: str, form: Any, help: str, get: Callable[[Snapshot], float | None], **shape: Any) -> Member[Any]:
    """Unknown before the first window."""
    return Member(name, form, help, lambda _, snapshot: get(snapshot) if snapshot.window_s else None, **shape)


def _lists(contents: Contents, snapshot: Snapshot, get: Callable[[WatchesRead], int]) -> int | None:
    if not needs_lists(contents.view.subject, contents.filter_text, contents.view.sort):
        return None
    return get(watches_read(held_instances(snapshot)))


CLOCKS: Structure[Contents] = Structure("clocks", (
    Member("boottime_ns", "integer", "Nanoseconds of the boot clock, in which ids are.",
           lambda _, snapshot: snapshot.now_ns, known=True),
    Member("realtime_ns", "integer", "Nanoseconds since the epoch.",
           lambda _, snapshot: snapshot.wall_ns, known=True),
))  # fmt: skip
HOST: Structure[Host] = Structure("host", (
    same("hostname", "text", "Name of the machine.", known=True),
    same("kernel", "text", "Release of its kernel.", known=True),
    same("machine", "text", "Its architecture.", known=True),
))  # fmt: skip
VIEW: Structure[Contents] = Structure("view", (
    Member("of", "text", "The view, to whose rows filter and sort apply.",
           lambda contents, _: contents.view.subject.id, known=True, choices=tuple(SUBJECTS)),
    Member("filter", "text", "The filter as it was given; empty: all rows.",
           lambda contents, _: safe(contents.filter_text.encode("utf-8", "surrogateescape")), known=True),
    Member("sort", "text", "Name of the field that rows are sorted by.",
           lambda contents, _: contents.view.field.id, known=True),
    Member("descending", "truth", "Whether the largest comes first.", lambda contents, _: contents.view.descending,
           known=True),
    Member("rows", "integer", "The maximum number of rows; `null`: all.", lambda contents, _: contents.view.rows),
    Member("lists_read", "integer", "Instances whose interest list was read; absent if neither view nor filter nor "
           "sort needs it.", lambda contents, snapshot: _lists(contents, snapshot, attrgetter("read")), known=True,
           optional=True),
    Member("lists", "integer", "How many instances there are, likewise. If fewer were read, rows may be missing.",
           lambda contents, snapshot: _lists(contents, snapshot, attrgetter("of")), known=True, optional=True),
))  # fmt: skip
COST: Structure[Contents] = Structure("self", (
    Member("cpu_ns", "integer", "CPU time of epolltop since it started.",
           lambda _, snapshot: snapshot.cost.cpu_ns, known=True),
    Member("rss_bytes", "integer", "Memory of epolltop.", lambda _, snapshot: snapshot.cost.rss_bytes, known=True),
    Member("cpu_share", "number", "Share of a core that epolltop used over the window.",
           lambda _, snapshot: round(snapshot.cpu_share, 6), known=True),
))  # fmt: skip
TOTALS: Structure[Contents] = Structure("totals", (
    Member("processes", "integer", "Number of processes before filter and rows.",
           lambda _, snapshot: _extent(snapshot).processes, known=True),
    Member("holding", "integer", "Of these, processes that hold an instance.",
           lambda _, snapshot: _extent(snapshot).holding, young=True),
    Member("shown", "integer", "Of these, processes that are listed.", lambda contents, _: len(contents.processes),
           known=True),
    Member("instances", "integer", "Distinct instances.", lambda _, snapshot: _extent(snapshot).instances, known=True),
    Member("in_flight", "integer", "Of these, instances for which no process has a descriptor.",
           lambda _, snapshot: _extent(snapshot).in_flight, known=True, young=True),
    _counted("created", "integer", "Instances created since the observation began.",
             lambda snapshot: snapshot.totals.created),
    _counted("released", "integer", "Instances released since the observation began. Also counts releases by kernel "
             "threads, and those with `by_census` whose creator is not known; no process counts these.",
             lambda snapshot: snapshot.totals.released),
    _counted("create_failed", "integer", "Creations that failed since then; `null` where no probe traces creation.",
             lambda snapshot: snapshot.totals.failed if snapshot.source.knows("failed") else None, of="failed"),
    _counted("released_by_kernel", "integer", "Releases by kernel threads: descriptors dropped while in flight.",
             lambda snapshot: snapshot.totals.released_by_kernel),
    _counted("create_per_s", "number", "Instances created per second over the window.",
             lambda snapshot: rounded(snapshot.create_per_s)),
    _counted("release_per_s", "number", "Instances released per second over the window.",
             lambda snapshot: rounded(snapshot.release_per_s)),
    Member("exact", "truth", "`false`: `totals` are lower bounds. This is so if `source.exact` is `false`, if "
           "32-bit programs are not counted and there were some, if `totals.unseen_creations` or `source.missed` is "
           "not 0, and, with `--pid` or `--user`, if `source.unattributed` is not 0.",
           lambda _, snapshot: snapshot.exact, known=True, young=True),
    Member("unseen_creations", "integer", "Instances that ended or were found although no probe saw their "
           "creation: `totals.created` lacks at least this many. 32-bit calls created them (`int $0x80` or x32 of "
           "64-bit programs), or they were in flight when counting began.",
           lambda _, snapshot: snapshot.unseen, known=True, young=True, of="unseen"),
    Member("partly_listed", "truth", "`true`: there may be more instances than epolltop knows one by one, so "
           "`totals.instances` is a lower bound; also if `source.unreadable` is not 0. Counts are not affected.",
           lambda _, snapshot: snapshot.partly_listed, known=True, young=True),
))  # fmt: skip


def document(held: Structure[InstanceOf]) -> Structure[Contents]:
    """A snapshot file in which instances are written like that."""
    return Structure("snapshot", (
        Member("schema", "text", "Which members there are, and what they mean.", lambda *_: SCHEMA, known=True,
               choices=(SCHEMA,)),
        Member("taken_at", "time", "When it was taken.", lambda _, snapshot: timestamp(snapshot.wall_ns, utc=True),
               known=True),
        within("clocks", CLOCKS, "The same instant, by two clocks.", lambda contents, _: contents),
        Member("observed_s", "number", "Time over which epolltop has counted.",
               lambda _, snapshot: round(snapshot.observed_s, 6), known=True, below=_SPAN_BELOW_S),
        Member("window_s", "number", "Time over which rates are computed; equal to `observed_s` in a snapshot. 0 "
               "(with `-d 0`): counts and rates are `null`.",
               lambda _, snapshot: round(snapshot.window_s, 6), known=True, below=_SPAN_BELOW_S),
        Member("census_age_s", "number", "Age of the census that found the holders; `null`: no census is complete yet.",
               lambda _, snapshot: rounded(snapshot.census_age_s, 6), below=_SPAN_BELOW_S, young=True),
        within("host", HOST, "The machine that was watched.", lambda _, snapshot: snapshot.source.host),
        within("source", SOURCE, "Where the facts come from, and how far they go.",
               lambda _, snapshot: snapshot.source),
        listed("limits", LIMIT, "Everything that epolltop cannot see, most important first; `note:` lines say the "
               "same in words. See below.", lambda _, snapshot: limits_of(snapshot), young=True),
        within("view", VIEW, "The options given.", lambda contents, _: contents),
        within("self", COST, "Cost of epolltop itself.", lambda contents, _: contents),
        within("totals", TOTALS, "Of all that `--pid` and `--user` select, before `--filter` and `--rows`.",
               lambda contents, _: contents),
        long_list("processes", process(held), "Processes that hold an instance, or that created, failed to create "
                  "or released one within the window, even if they have ended. View `instances`: the holders of the "
                  "instances shown; view `events`: all.", lambda contents, _: contents.processes),
        findings_of("findings", "What is wrong, the worst first, and after that what was and has ended; of all that "
                    "`--pid` and `--user` select. `null`: rules were not applied.",
                    lambda contents, _: contents.findings),
        Member("findings_left_out", "integer", "Findings that there was no room for; absent if there are none.",
               lambda _, snapshot: snapshot.findings_left_out or None, known=True, optional=True),
        Member("judged_s", "number", "Time over which rules were applied.",
               lambda _, snapshot: rounded(snapshot.judged_s, 6), below=_SPAN_BELOW_S, young=True),
        thresholds_of("thresholds", "What rules compared with in place of defaults (`--finding`). `null`: not known.",
                      items_max=THRESHOLDS_MAX),
        Member("absent_pids", "integer", "Pids given to `--pid` for which there is no process; absent if there are "
               "none.",
               lambda _, snapshot: list(snapshot.absent) or None, known=True, many=True, optional=True),
        long_list("in_flight", held, "Instances for which no process has a descriptor (view `instances`: "
                  "those shown); absent if there are none.",
                  lambda contents, _: [InstanceOf(each, None) for each in contents.in_flight] or None, optional=True,
                  items_min=1),
        long_list("events", EVENT, "With `--events`, or in the view `events`: what happened. See below.",
                  lambda contents, _: contents.events, optional=True, items_max=EVENTS_MAX),
        Member("events_left_out", "integer", "How many other events there were, if there is `events`.",
               lambda contents, snapshot: None if contents.events is None
               else max(0, snapshot.journal_end - len(contents.events)), known=True, optional=True),
    ))  # fmt: skip


DOCUMENT = document(INSTANCE)


BRIEF = document(brief())
"""Of very many holders."""
