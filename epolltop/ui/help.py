"""The help screen, made from the key table and the field registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from epolltop.query.fields import EVENT_FIELDS, INSTANCE_FIELDS, PROCESS_FIELDS
from epolltop.ui.keys import GROUPS, MOVES


class Help(ModalScreen[None]):
    """Any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,question_mark,h,f1", "dismiss", "Close")]

    def __init__(self, readable: Callable[[str], str]) -> None:
        super().__init__()
        self._readable = readable

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll(id="help"):
            yield Static(self._text())

    def _text(self) -> Text:
        lines = Text()

        def section(title: str, pairs: list[tuple[str, str]], width: int) -> None:
            lines.append(f"{title}\n", "bold")
            for left, right in pairs:
                lines.append(self._readable(f"  {left:<{width}}"), "bold").append(self._readable(f"{right}\n"))
            lines.append("\n")

        for title, keys in GROUPS:
            section(f"Keys: {title}", [(key.shown, key.help) for key in keys], 20)
        section("In a table", list(MOVES), 20)
        section(
            "Filter",
            [
                ("nginx worker", "both words in PID, USER, NAME or COMMAND"),
                ("open>10 age<5m", "compare a column; new/s>=1k, fds, created, failed ..."),
                ("user:www !nginx", "contains; not"),
                ("a or (b and c)", "and is the default"),
                ("command~^/usr/s?bin", "regular expression"),
            ],
            22,
        )
        for title, fields in (
            ("Processes", PROCESS_FIELDS),
            ("Instances", INSTANCE_FIELDS),
            ("Events", EVENT_FIELDS),
        ):
            section(title, [(field.title, field.help) for field in fields], 10)
        lines.append("Esc closes this.")
        return lines
