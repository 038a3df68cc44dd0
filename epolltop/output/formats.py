"""The formats of a report, in parts: JSON, CSV, Markdown or text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from epolltop.model.bounds import SNAPSHOT_BYTES_MAX
from epolltop.model.process_row import ProcessRow
from epolltop.output.delimited import comma_separated, escaped, literal, markdown
from epolltop.output.document import snapshot_document
from epolltop.output.jsontext import indented, on_one_line
from epolltop.output.parts import Parts, within
from epolltop.output.report import Report
from epolltop.query.aligned import plain
from epolltop.query.asked_lists import lists_missing
from epolltop.query.field import Value
from epolltop.query.headline import headline
from epolltop.query.instance_fields import HELD_FIELDS
from epolltop.query.member import Row
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.view import PROCESSES, instances
from epolltop.text.cells import wrapped
from epolltop.text.glyphs import in_ascii
from epolltop.text.safe import safe


def as_json(report: Report[Any]) -> Parts:
    """The snapshot as indented JSON with one line per process, instance and event; non-ASCII characters as they are."""
    yield from _readable(indented(snapshot_document(report), ascii_only=report.ascii_only))
    yield "\n"


def as_json_line(report: Report[Any]) -> Parts:
    """The snapshot as JSON on one line."""
    yield from _readable(on_one_line(snapshot_document(report), ascii_only=report.ascii_only))
    yield "\n"


def _readable(document: Parts) -> Parts:
    """The same parts; OSError where they get longer than replay can read."""
    return within(SNAPSHOT_BYTES_MAX - 1, document, "JSON", "a filter, or fewer rows (--rows), make it shorter")


def as_csv(report: Report[Any]) -> Parts:
    """All fields of each row; a process has a row for each of its instances, or one if it has none."""
    if report.view.subject.id == PROCESSES.id:
        heading, lines = _with_instances(report)
    else:
        fields = report.view.subject.fields
        heading = [field.id for field in fields]
        lines = ([field.value(row, report.snapshot) for field in fields] for row in report.rows)
    for line in comma_separated(heading, lines):
        yield _spelt(line, report)


def _with_instances(report: Report[ProcessRow]) -> tuple[list[str], Iterable[Sequence[Value]]]:
    snapshot = report.snapshot

    def lines() -> Iterator[list[Value]]:
        for row in report.rows:
            about_process = [field.value(row, snapshot) for field in PROCESS_FIELDS]
            for held in instances(row) or (None,):
                yield about_process + [field.value(held, snapshot) if held else None for field in HELD_FIELDS]

    return [field.id for field in PROCESS_FIELDS] + [f"instance_{field.id}" for field in HELD_FIELDS], lines()


def as_markdown(report: Report[Row]) -> Parts:
    """The headline and the table of rows."""
    for line in headline(report.snapshot):
        yield f"{escaped(_spelt(line.strip(), report))}  \n"
    for typed in _typed(report):
        yield f"filter: {literal(_spelt(typed, report))}  \n"
    for unread in _unread(report):
        yield f"{escaped(unread)}  \n"
    yield "\n"
    yield from markdown(report.rows, report.view.subject.fields, report.snapshot, ascii_only=report.ascii_only)


def as_text(report: Report[Row]) -> Parts:
    """The headline and the aligned table of rows."""
    width, ascii_only = report.width, report.ascii_only
    for line in _headline(report):
        for part in wrapped(_spelt(line, report), width):
            yield f"{part}\n"
    yield "\n"
    for line in plain(report.rows, report.view.subject.fields, report.snapshot, width, ascii_only=ascii_only):
        yield f"{line}\n"


def _headline(report: Report[Any]) -> list[str]:
    """The lines above the table; they also say that rows may be missing."""
    return [*headline(report.snapshot), *(f"filter: {typed}" for typed in _typed(report)), *_unread(report)]


def _typed(report: Report[Any]) -> list[str]:
    """The filter, if there is one."""
    typed = safe(report.filter_text.strip().encode("utf-8", "surrogateescape"))
    return [typed] if typed else []


def _unread(report: Report[Any]) -> list[str]:
    """What the rows lack of watches, if they need them and lack any."""
    missing = lists_missing(report.snapshot, report.view.subject, report.filter_text, report.view.sort)
    return [f"watches: {missing}"] if missing else []


def _spelt(text: str, report: Report[Any]) -> str:
    return in_ascii(text) if report.ascii_only else text


FORMATS: dict[str, Callable[[Report[Any]], Parts]] = {
    "json": as_json,
    "csv": as_csv,
    "md": as_markdown,
    "txt": as_text,
}
