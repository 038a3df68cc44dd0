"""The command line as the frozen record that it becomes: what is asked for, and fits together."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epolltop import argument_types
from epolltop.command_line import Answered, BadUsage, Parser, arguments, parser_of_all
from epolltop.findings.settings import Settings
from epolltop.model.finding import Severity
from epolltop.model.process_selection import Selection
from epolltop.query.asked_lists import needs_lists
from epolltop.query.field import UnknownField, lookup
from epolltop.query.filter import parse_over
from epolltop.query.mistake import FilterError, pointed
from epolltop.query.view import EVENTS, SUBJECTS, View

MIN_DELAY_S = 0.1
"""Below it the watching would cost more than it shows."""

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    command: str
    """live, snapshot, events, explain, record or doctor."""
    saved: str | None
    """What to replay by that command instead of observing, or the file to record; - is a stream."""
    source: str
    include_self: bool
    stacks: bool
    blocked_stacks_ns: int | None
    """From how long an absence on the stacks of loops are taken; None: they are not."""
    compat: bool
    budget: float | None
    """What epolltop may cost, as a share of a core; None: the usual one."""
    attach: tuple[tuple[str, str], ...]
    """Probe and the hook that it must have."""
    without: tuple[str, ...]
    """Probes that are not wanted."""
    selection: Selection
    settings: Settings
    """Of the rules of findings."""
    fail_on: Severity | None
    """The least severity with which snapshot fails; None: it never does."""
    findings: bool
    """Whether events are told of findings, too."""
    view: View[Any]
    """Of events for the command events."""
    filter: str
    """As typed."""
    delay_s: float | None
    """How long (snapshot, events, explain, record), the refresh elsewhere; None: the command's own."""
    batch: bool
    count: int | None
    """Tables of batch output; None: endless."""
    json: bool
    format: str
    output: Path | None
    """Absolute, because compiling changes the working directory for a moment; None: stdout."""
    events: bool
    watches: bool
    """Have what instances watch read, because of that option, the view, its filter or its order."""
    color: bool
    ascii_only: bool
    width: int
    """Columns of text."""
    theme: str | None
    """Of the screen; None: Textual's own."""


def parse_options(argv: list[str], *, no_color: bool) -> Options:
    """Options from the command line.

    Args:
        argv: without the program's name.
        no_color: whether NO_COLOR is set.

    Raises:
        Answered: help or the version was asked for.
        BadUsage: it cannot be understood.
        OSError: of a file that is named from a working directory which is gone.
    """
    parser = parser_of_all()
    given = arguments(parser, argv)
    command = given.command or "live"
    if command == "replay":
        of_snapshot = given.format or given.output or given.events
        command = given.front_end or ("snapshot" if of_snapshot else "live")
        if of_snapshot and command != "snapshot":
            parser.error(f"--format, -o and --events go with snapshot, not with {command}")
    subject = EVENTS if command == "events" else SUBJECTS[given.view]
    if given.sort == "help":
        raise Answered("".join(f"{field.id:18} {field.title:10}{field.help}\n" for field in subject.fields))
    try:
        sort = lookup(subject.fields, subject.sort if given.sort is None else given.sort).id
    except UnknownField as error:
        parser.error(f"--sort: {error}; -s help lists them")
    try:
        predicate = parse_over(subject.fields, given.filter)
    except FilterError as error:
        shown, column = pointed(given.filter, error.position, shutil.get_terminal_size().columns - len(_INDENT))
        raise BadUsage(f"filter: {error}\n{_INDENT}{shown}\n{_INDENT}{' ' * column}^") from None
    if command == "record" and given.filter:
        parser.error("-F: a recording contains everything; use -F with replay")
    duration = command in ("snapshot", "events", "explain", "record")
    if given.delay is not None and not duration:
        if given.command == "replay":
            parser.error("-d: a replay has the refresh of its recording; -d is for snapshot, events and explain")
        if given.delay < MIN_DELAY_S:
            parser.error(f"-d {given.delay:g}: the refresh is {MIN_DELAY_S:g} s or more")
    return Options(
        command=command,
        saved=getattr(given, "saved", None),
        source=_source(parser, given),
        include_self=given.include_self,
        stacks=given.stacks,
        blocked_stacks_ns=given.blocked_stacks,
        compat=given.compat,
        budget=given.budget,
        attach=_attached(parser, given),
        without=tuple(dict.fromkeys(given.without)),
        selection=_selection(command, given),
        settings=Settings(dict(given.finding), frozenset(given.allow), frozenset(getattr(given, "raise"))),
        fail_on=getattr(given, "fail_on", None),
        findings=getattr(given, "findings", False),
        view=View(subject, filter=predicate, sort=sort, reverse=given.reverse, rows=given.rows),
        filter=given.filter,
        delay_s=given.delay,
        batch=given.batch,
        count=given.count,
        json=given.json,
        format=getattr(given, "format", None) or "json",
        output=None if (output := getattr(given, "output", None)) in argument_types.STDOUT else output,
        events=getattr(given, "events", False),
        watches=getattr(given, "watches", False) or needs_lists(subject, given.filter, sort),
        color=not (given.no_color or no_color),
        ascii_only=given.ascii,
        width=given.width,
        theme=given.theme,
    )


def _selection(command: str, given: argparse.Namespace) -> Selection:
    if command == "explain":
        return Selection(named=frozenset((given.process,)))  # rules about several processes need the others
    return Selection(frozenset(given.pid), frozenset(given.user))


def _source(parser: Parser, given: argparse.Namespace) -> str:
    """Who names a hook insists on the source that has hooks; who wants stacks of loops needs the probe of waits."""
    for option in ("attach", "without"):
        if getattr(given, option) and given.source == "proc":
            parser.error(f"--{option}: /proc has no probes")
    if given.blocked_stacks is not None and "epoll_wait" in given.without:
        parser.error("--blocked-stacks: without the probe epoll_wait no loop is known to be away")
    return "bpf" if given.attach else str(given.source)


def _attached(parser: Parser, given: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    """The hook of each probe that one is asked for."""
    hooks = dict(given.attach)
    for probe, hook in given.attach:
        if hook != hooks[probe]:
            parser.error(f"--attach: {probe} has one hook, not {hook} and {hooks[probe]}")
        if probe in given.without:
            parser.error(f"--attach: {probe} has no hook with --without {probe}")
    return tuple(hooks.items())
