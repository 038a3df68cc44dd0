"""The help screen, made from the key table and the field registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.table import Column, Table
from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from epolltop.query.view import SUBJECTS
from epolltop.ui.dialogs.pager import Page, Pager
from epolltop.ui.keys import GROUPS, MOVES

SIGNS = (
    ("?", "Not known, which is not 0."),
    ("-", "Does not apply."),
    ("≥", "A lower bound: at least this much, or at least this old."),
)
"""Signs in cells beside values."""


class Help(Page):
    """Any of its keys closes it."""

    def __init__(self, readable: Callable[[str], str], unseen: Sequence[str]) -> None:
        """Takes sentences about what epolltop cannot see here."""
        super().__init__(("question_mark", "h", "f1"))
        self._readable = readable
        self._unseen = unseen

    def compose(self) -> ComposeResult:
        with Pager(id="help"):
            yield from map(Static, self._sections())

    def _sections(self) -> Iterator[Text | Table]:
        def section(title: str, pairs: Sequence[tuple[str, str]], width: int) -> Iterator[Text | Table]:
            yield Text(self._readable(title), "bold")
            table = Table.grid(Column(width=width + 2), Column())
            for left, right in pairs:
                table.add_row(Text(self._readable(f"  {left}"), "bold"), Text(self._readable(right)))
            yield table
            yield Text()

        if self._unseen:
            yield from section("Not seen here", [("note", note) for note in self._unseen], 6)
        yield from section("Values", SIGNS, 6)
        for title, keys in GROUPS:
            yield from section(f"Keys: {title}", [(key.shown, key.help) for key in keys], 20)
        yield from section("In a table", list(MOVES), 20)
        yield from section(
            "Filter",
            [
                ("nginx worker", "both words in PID, USER, NAME or COMMAND"),
                ("open>10 age<5m", "compare a column; new/s>=1k, fds, created, failed ..."),
                ("created>freed", "compare two columns of the same unit"),
                ("user:www !nginx", "contains; not"),
                ("a or (b and c)", "and is the default; also && and ||"),
                ("name=ng*", "* is any text, ? any character"),
                ("command~^/usr/s?bin", "regular expression; !~ does not match"),
                ("user=?", "not known; user!=? is known"),
                ("'a, b' \"c=d\"", "text with blanks, commas or signs"),
            ],
            22,
        )
        for subject in SUBJECTS.values():
            told = [(field.title, field.help) for field in subject.fields]
            yield from section(subject.title, told, 2 + max(len(title) for title, _ in told))
        yield Text("Esc closes this.")
