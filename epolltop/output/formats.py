"""A snapshot as a file: JSON, CSV, Markdown or text."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from epolltop.model.batch import Event
from epolltop.model.snapshot import ProcessRow, Snapshot
from epolltop.output import table
from epolltop.output.document import snapshot_document
from epolltop.query.fields import HELD_FIELDS, PROCESS_FIELDS, Value
from epolltop.query.headline import headline
from epolltop.query.view import instances
from epolltop.text import cut, in_ascii

WIDTH = 80
"""Columns of text, as terminals and mails have them, unless more are asked for."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a file is made of."""

    snapshot: Snapshot
    shown: Sequence[ProcessRow]
    """Its processes after filter, sort and cut."""
    events: Iterable[Event] | None = None
    width: int = WIDTH
    ascii_only: bool = False


def as_json(report: Report) -> str:
    """The contract, indented; non-ASCII characters as they are."""
    document = snapshot_document(report.snapshot, report.shown, events=report.events)
    return json.dumps(document, indent=2, ensure_ascii=report.ascii_only) + "\n"


def as_json_line(report: Report) -> str:
    """The same on one line."""
    document = snapshot_document(report.snapshot, report.shown, events=report.events)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=report.ascii_only) + "\n"


def as_csv(report: Report) -> str:
    """One row per process and instance; a process without an instance has one row too."""
    snapshot = report.snapshot
    heading = [field.id for field in PROCESS_FIELDS] + [f"instance_{field.id}" for field in HELD_FIELDS]
    lines: list[list[Value]] = []
    for row in report.shown:
        about_process = [field.value(row, snapshot) for field in PROCESS_FIELDS]
        lines.extend(
            about_process + [field.value(held, snapshot) if held else None for field in HELD_FIELDS]
            for held in instances(row) or (None,)
        )
    return _spelt(table.comma_separated(heading, lines), report)


def as_markdown(report: Report) -> str:
    """The headline and the table of processes."""
    lines = [f"{table.escaped(line.strip())}  " for line in headline(report.snapshot)]
    text = "\n".join(lines) + "\n\n" + table.markdown(report.shown, PROCESS_FIELDS, report.snapshot)
    return _spelt(text, report)


def as_text(report: Report) -> str:
    """The headline and the aligned table of processes."""
    snapshot, width = report.snapshot, report.width
    lines = [part for line in headline(snapshot) for part in _wrapped(_spelt(line, report), width)]
    lines += ["", *table.plain(report.shown, PROCESS_FIELDS, snapshot, width, ascii_only=report.ascii_only)]
    return "\n".join(lines) + "\n"


def _wrapped(line: str, width: int) -> list[str]:
    """Broken between the parts of a line, which two blanks separate; a note has one part, and breaks anywhere."""
    bound = re.sub("(?<=[^ ]) (?=[^ ])", "\xa0", line) if "  " in line.strip() else line
    parts = textwrap.wrap(bound, width, subsequent_indent="    ", break_on_hyphens=False)
    return [cut(part.replace("\xa0", " "), width) for part in parts]  # a wide character counts as one there


def _spelt(text: str, report: Report) -> str:
    return in_ascii(text) if report.ascii_only else text


FORMATS: dict[str, Callable[[Report], str]] = {
    "json": as_json,
    "csv": as_csv,
    "md": as_markdown,
    "txt": as_text,
}
