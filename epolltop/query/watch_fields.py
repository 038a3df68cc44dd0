"""The fields of a watch. A column that is added here appears in tables, sorting, filters, exports and snapshot files.

The field that takes the rest of the line comes last.
"""

from __future__ import annotations

from collections.abc import Callable

from epolltop.model.watch import InterestList, TargetKind, event_names
from epolltop.query.creation import INSTANCE_ID
from epolltop.query.field import Field
from epolltop.query.watch_finder import WATCH_FORMS, watch_finder
from epolltop.query.watch_of import WatchOf
from epolltop.query.watch_words import event_words, mode_words
from epolltop.text.numbers import UNKNOWN


def _detail(name: str) -> Callable[[WatchOf, object], int | str | None]:
    return lambda row, _: dict(row.watch.target.details).get(name)


def _has(name: str) -> Callable[[WatchOf, object], bool]:
    return lambda row, _: any(told == name for told, _ in row.watch.target.details)


def _details(row: WatchOf) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.watch.target.details)


def _stale(row: WatchOf) -> str:
    return UNKNOWN if row.watch.stale is None else "yes" if row.watch.stale else "no"


WATCHED_FIELDS: tuple[Field[WatchOf], ...] = (
    Field("fd", "FD", 5, "id", lambda row, _: row.watch.fd,
          "Descriptor under which the target was added, in the process that added it.", known=True),
    Field("kind", "KIND", 8, "text", lambda row, _: row.watch.target.kind.word,
          "What the target is; unknown: it could not be seen.", known=True,
          choices=tuple(kind.word for kind in TargetKind),
          json_help="What the target is; `unknown`: it could not be seen."),
    Field("events", "EVENTS", 9, "text", lambda row, _: event_words(row.watch.events),
          "Events that it waits for, besides ERR and HUP; none: no event, as after one of oneshot.", spare=1,
          json=lambda row, _: list(event_names(row.watch.events)), known=True, many=True,
          json_help="Events that are waited for, and how."),
    Field("mode", "MODE", 12, "text", lambda row, _: mode_words(row.watch.events),
          "level or edge triggered; with oneshot it waits for one event only, with exclusive one of several instances "
          "gets each event.", spare=1, in_json=False),
    Field("stale", "STALE", 5, "count", lambda row, _: None if row.watch.stale is None else int(row.watch.stale),
          "Whether the descriptor was closed, or is for another file, in all holders, although the target is watched "
          "still: yes or no; filters compare 1 and 0.", kind="gauge", text=lambda row, _: _stale(row),
          severity=lambda row, _: "warn" if row.watch.stale else None,
          json=lambda row, _: row.watch.stale, form="truth",
          json_help="Whether the descriptor was closed, or is for another file, in all holders, although the target is "
          "watched still."),
    Field("shared", "SHARED", 6, "text", lambda row, _: row.watch.shared,
          "Whether other processes have the target open, too: yes or no.", spare=3, form="truth",
          json_help="Whether other processes have the target open, too."),
    Field("state", "STATE", 11, "text", _detail("state"),
          "State of a TCP socket, such as ESTABLISHED; of others whether they LISTEN.", applies=_has("state"), spare=2,
          in_json=False),
    Field("unread", "UNREAD", 7, "count", _detail("unread"), "Bytes that came in a connection and were not read.",
          applies=_has("unread"), kind="gauge", shown=False, in_json=False),
    Field("unsent", "UNSENT", 7, "count", _detail("unsent"),
          "Bytes that were written to a connection and not acknowledged.",
          applies=_has("unsent"), kind="gauge", shown=False, in_json=False),
    Field("details", "DETAILS", 40, "text", lambda row, _: _details(row),
          "What else the kernel tells of the target: amounts in bytes or as the kernel counts them, times in "
          "nanoseconds.", shown=False, json=lambda row, _: dict(row.watch.target.details), form="evidence", known=True),
    Field("data", "DATA", 18, "text", lambda row, _: f"{row.watch.data:#x}",
          "What the program gets back with an event, in hexadecimal.", shown=False, known=True,
          pattern="0x[0-9a-f]{1,16}"),
    Field("nested", "NESTED", 24, "text", lambda row, _: row.nested.id if row.nested else None,
          "Name of the target if it is an instance that this process holds.", shown=False,
          applies=lambda row, _: row.watch.target.kind is TargetKind.EPOLL, pattern=INSTANCE_ID,
          json_help="If the target is an instance: its `id`, if this process holds it."),
    Field("watch", "WATCH", 24, "text", lambda row, _: row.watch.target.title,
          f"Kind and name of the target; {WATCH_FORMS}",
          finds=watch_finder(lambda row: [InterestList((row.watch,))]), shown=False, in_json=False),
    Field("target", "TARGET", 0, "text", lambda row, _: row.watch.target.text,
          "Its name: addresses, a path, what a timer or signalfd waits for; ? if it is not known.", known=True,
          json_help="Its name: addresses, a path, what a timer or signalfd waits for; `?` if it is not known."),
)  # fmt: skip
"""Of a watch whose instance is given."""

WATCH_FIELDS: tuple[Field[WatchOf], ...] = (
    Field("pid", "PID", 7, "id", lambda row, _: row.process.pid if row.process else None,
          "Holder of the instance: process id (thread group id).", in_json=False),
    Field("name", "NAME", 15, "text", lambda row, _: row.process.name if row.process else None,
          "Holder of the instance: name of the process.", aliases=("comm",), spare=4, in_json=False),
    Field("instance_fd", "EPFD", 5, "id", lambda row, _: row.instance_fd,
          "Lowest descriptor of this process for the instance.", in_json=False),
    *WATCHED_FIELDS[:-1],
    Field("user", "USER", 8, "text", lambda row, _: row.process.user if row.process else None,
          "User that the process runs as.", shown=False, in_json=False),
    Field("container", "CONTAINER", 12, "text", lambda row, _: row.process.facts.container if row.process else None,
          "Id of the container that the process is in.", shown=False, in_json=False),
    Field("instance", "INSTANCE", 24, "text", lambda row, _: row.instance.id,
          "Name of the instance: its kernel address, and the nanosecond since boot when it was created or found.",
          shown=False, in_json=False),
    Field("command", "COMMAND", 24, "text", lambda row, _: row.process.command if row.process else None,
          "Command line of the process.", aliases=("cmd",), shown=False, in_json=False),
    WATCHED_FIELDS[-1],
)  # fmt: skip
"""Of a watch among all, one row for each holder of its instance."""
