"""A report as a file: JSON, CSV, Markdown or text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from epolltop.model.snapshot import ProcessRow
from epolltop.output import table
from epolltop.output.document import snapshot_document
from epolltop.output.report import Report
from epolltop.query.fields import HELD_FIELDS, PROCESS_FIELDS, Row, Value
from epolltop.query.headline import headline
from epolltop.query.lines import plain
from epolltop.query.view import PROCESSES, instances
from epolltop.text import in_ascii, safe, wrapped


def as_json(report: Report[Any]) -> str:
    """The contract, indented; non-ASCII characters as they are."""
    return json.dumps(snapshot_document(report), indent=2, ensure_ascii=report.ascii_only) + "\n"


def as_json_line(report: Report[Any]) -> str:
    """The same on one line."""
    return json.dumps(snapshot_document(report), separators=(",", ":"), ensure_ascii=report.ascii_only) + "\n"


def as_csv(report: Report[Any]) -> str:
    """A row of all fields for each row; of processes one for each of its instances, or one if it has none."""
    if report.view.subject.id == PROCESSES.id:
        heading, lines = _with_instances(report)
    else:
        fields = report.view.subject.fields
        heading = [field.id for field in fields]
        lines = [[field.value(row, report.snapshot) for field in fields] for row in report.rows]
    return _spelt(table.comma_separated(heading, lines), report)


def _with_instances(report: Report[ProcessRow]) -> tuple[list[str], list[list[Value]]]:
    snapshot = report.snapshot
    heading = [field.id for field in PROCESS_FIELDS] + [f"instance_{field.id}" for field in HELD_FIELDS]
    lines: list[list[Value]] = []
    for row in report.rows:
        about_process = [field.value(row, snapshot) for field in PROCESS_FIELDS]
        lines.extend(
            about_process + [field.value(held, snapshot) if held else None for field in HELD_FIELDS]
            for held in instances(row) or (None,)
        )
    return heading, lines


def as_markdown(report: Report[Row]) -> str:
    """The headline and the table of rows."""
    lines = [f"{table.escaped(_spelt(line.strip(), report))}  " for line in headline(report.snapshot)]
    lines += [f"filter: {table.literal(_spelt(typed, report))}  " for typed in _typed(report)]
    rows = table.markdown(report.rows, report.view.subject.fields, report.snapshot, ascii_only=report.ascii_only)
    return "\n".join(lines) + "\n\n" + rows


def as_text(report: Report[Row]) -> str:
    """The headline and the aligned table of rows."""
    width, ascii_only = report.width, report.ascii_only
    lines = [part for line in _headline(report) for part in wrapped(_spelt(line, report), width)]
    lines += ["", *plain(report.rows, report.view.subject.fields, report.snapshot, width, ascii_only=ascii_only)]
    return "\n".join(lines) + "\n"


def _headline(report: Report[Any]) -> list[str]:
    """What is above the table: that rows may be missing, too."""
    return headline(report.snapshot) + [f"filter: {typed}" for typed in _typed(report)]


def _typed(report: Report[Any]) -> list[str]:
    """The filter, if there is one."""
    typed = safe(report.filter_text.strip().encode("utf-8", "surrogateescape"))
    return [typed] if typed else []


def _spelt(text: str, report: Report[Any]) -> str:
    return in_ascii(text) if report.ascii_only else text


FORMATS: dict[str, Callable[[Report[Any]], str]] = {
    "json": as_json,
    "csv": as_csv,
    "md": as_markdown,
    "txt": as_text,
}
