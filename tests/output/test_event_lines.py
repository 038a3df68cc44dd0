"""Events as lines in ASCII; golden/event-lines.txt has them as they are."""

from __future__ import annotations

from rich.cells import cell_len

from epolltop.output.event_lines import run_events
from epolltop.query.filter import everything
from tests.support.differences import changed_lines
from tests.support.front_end import written_by


def lines(*, ascii_only: bool) -> str:
    return written_by(
        lambda s, write: run_events(s, everything, write, say=str, seconds=0, json=False, ascii_only=ascii_only)
    )


def test_ascii_changes_names_and_marks_of_cuts() -> None:
    text = lines(ascii_only=True)
    assert text.isascii()
    assert changed_lines(lines(ascii_only=False), text) == [
        r"11:59:59.123 create failed      42 e\x1bvil|       4095    EPOLL_CLOEXE~        - ?",
        r"11:59:59.123 gone                ? \u65e5\u672c\u~ -       EPOLL_CLOEXEC        - ?",
    ]


def test_a_line_has_no_more_than_120_columns() -> None:
    for ascii_only in (False, True):
        assert max(map(cell_len, lines(ascii_only=ascii_only).splitlines())) <= 120
