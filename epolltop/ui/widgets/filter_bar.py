"""The filter bar: a line to type in, the error under it, and what was typed before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from epolltop.query.mistake import FilterError, below, explained
from epolltop.text.cells import cut
from epolltop.text.safe import printable
from epolltop.ui.widgets.line_input import Entry

REMEMBERED = 100
MIN_WIDTH = 20
PADDING = 2
"""Cells of the line and of what is below it, as epolltop.tcss has them."""


def _stay() -> None:
    """There is nowhere to go."""


class FilterBar(Vertical):
    """Applies what is typed while it is typed; Enter keeps it, Esc clears it, Up and Down recall.

    While it is open characters and the keys of editing are its own, whatever has the focus.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "Clear", key_display="Esc")]

    def __init__(self, apply: Callable[[str], FilterError | None], id: str) -> None:
        """Closed.

        Args:
            apply: shows the rows that match a text, or says what is wrong and leaves those of the last good one.
            id: of the widget.
        """
        super().__init__(id=id)
        self._apply = apply
        keys: dict[str, Callable[[], object]] = {
            "enter": self.keep,
            "escape": self.action_give_up,
            "up": partial(self.recall, -1),
            "down": partial(self.recall, 1),
            "tab": _stay,
            "shift+tab": _stay,
        }
        self._line = Entry(keys, self._try, "words, open>10, user:www, !word", id="filter")
        self._applied = self._in_force = ""
        self._error: FilterError | None = None
        self._past: list[str] = []
        self._at = 0

    def compose(self) -> ComposeResult:
        """The line, and below it what is wrong, while something is."""
        yield self._line
        yield Static(id="filter_error", markup=False)

    @property
    def is_open(self) -> bool:
        """Whether it is on screen."""
        return bool(self.display)

    def open(self, text: str) -> None:
        """Shows it with that text, which is applied already. Typing replaces it, End or an arrow goes on with it."""
        self._applied = self._in_force = text
        self._complain(None)
        self._line.put(text)
        self._line.select_all()
        self._at = len(self._past)
        self.display = True
        self.screen.set_focus(self._line)

    def close(self) -> None:
        """Hides it; what was applied last stays."""
        if not self.is_open:
            return
        text = self._applied.strip()
        if text and not self._error and (not self._past or self._past[-1] != text):
            self._past = [*self._past, text][-REMEMBERED:]
        self.display = False

    async def take(self, typed: events.Key | events.Paste) -> bool:
        return await self._line.take(typed)

    def keep(self) -> None:
        """Closes it if the text is good."""
        self._try(self._line.value)
        if self._error is None:
            self.close()

    def action_give_up(self) -> None:
        """Closes it without a text."""
        self._line.put("")
        self._try("")
        self.close()

    def recall(self, step: int) -> None:
        """Goes through what was typed before; after the last of it the line is empty."""
        self._at = max(0, min(self._at + step, len(self._past)))
        self._line.put(self._past[self._at] if self._at < len(self._past) else "")

    def _try(self, text: str) -> None:
        """Applies the text if it is another one; where it has a mistake, what stands before the word that has it.

        For of `time>15` the beginning `time` is a filter, too, which nothing matches.
        """
        if self.is_open and text != self._applied:
            self._applied = text
            error = self._apply(text)
            good = text if error is None else text[: error.position].rpartition(" ")[0]
            if error is None or self._apply(good) is None:
                self._in_force = good
            self._complain(error)

    def on_resize(self) -> None:
        """The message stays in sight."""
        self._complain(self._error)

    def _complain(self, error: FilterError | None) -> None:
        self._error = error
        said = self.query_one("#filter_error", Static)
        said.set_class(error is not None, "open")
        if error is not None:
            said.update("\n".join(self._explained(error)))

    def _explained(self, error: FilterError) -> list[str]:
        """Under the line as it stands there if all of it is in sight, else under the part that is about it."""
        width = max(MIN_WIDTH, self.app.size.width - PADDING)
        text = self._line.value
        whole = cell_len(text) < width and text == printable(text)
        column = cell_len(text[: error.position])
        lines = below(column, error.message, width) if whole else explained(text, error, width)
        return [*lines, cut(f"in force: {printable(self._in_force.strip()) or 'no filter'}", width)]
