"""Since when something is found, and whether it was so before the observation began."""

from __future__ import annotations

from dataclasses import replace

from epolltop.findings.diagnosis import Diagnosis
from epolltop.model.finding import Finding
from epolltop.model.process_row import ProcessRow
from tests.support.records import NOW_NS, SECOND_NS
from tests.support.rows import process_row

from .judged import traced

BEGAN_NS = NOW_NS - SECOND_NS


def found(row: ProcessRow, windows: int = 1) -> Finding:
    """In the last of so many windows."""
    diagnosis = Diagnosis()
    for number in range(windows):
        diagnosis.look(replace(traced(row), now_ns=NOW_NS + number * SECOND_NS))
    (finding,) = diagnosis.findings
    return finding


def full(started_ns: int | None) -> ProcessRow:
    return process_row(fds=99, fd_limit=100, started_ns=started_ns, create_per_s=0.0, release_per_s=0.0)


def test_what_is_so_from_the_beginning_is_older() -> None:
    for started_ns in (BEGAN_NS - 1, None):
        finding = found(full(started_ns), windows=3)
        assert (finding.since_ns, finding.is_older) == (BEGAN_NS, True)


def test_what_began_within_the_first_window_is_not() -> None:
    finding = found(full(BEGAN_NS + SECOND_NS // 2), windows=3)
    assert (finding.since_ns, finding.is_older) == (BEGAN_NS + SECOND_NS // 2, False)


def test_what_was_not_so_at_first_is_not() -> None:
    diagnosis = Diagnosis()
    diagnosis.look(traced(process_row(fds=9, fd_limit=100)))
    diagnosis.look(replace(traced(full(BEGAN_NS - 1)), now_ns=NOW_NS + SECOND_NS))
    (finding,) = diagnosis.findings
    assert (finding.since_ns, finding.is_older) == (NOW_NS, False)
