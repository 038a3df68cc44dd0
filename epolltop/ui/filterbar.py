"""The filter bar: a line to type in, the error under it, and what was typed before."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingsMap, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from epolltop.query.filter import FilterError

REMEMBERED = 100


class _Line(Input):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "keep", show=False),
        Binding("escape", "give_up", show=False),
        Binding("up", "recall(-1)", show=False),
        Binding("down", "recall(1)", show=False),
        Binding("tab,shift+tab", "stay", show=False),
    ]

    def __init__(self, bar: FilterBar) -> None:
        placeholder = "words, open>10, user:www, !word"
        super().__init__(id="filter", placeholder=placeholder, compact=True, select_on_focus=False)
        self._bar = bar

    def action_keep(self) -> None:
        self._bar.keep()

    def action_give_up(self) -> None:
        self._bar.give_up()

    def action_recall(self, step: int) -> None:
        self._bar.recall(step)

    def action_stay(self) -> None:
        """There is nowhere to go."""


_BOUND = BindingsMap(Input.BINDINGS).key_to_bindings | BindingsMap(_Line.BINDINGS).key_to_bindings


class FilterBar(Vertical):
    """Applies what is typed while it is typed; Enter keeps it, Esc clears it, Up and Down recall.

    While it is open characters and the keys of editing are its own, whatever has the focus.
    """

    def __init__(self, apply: Callable[[str], FilterError | None], id: str) -> None:
        """Closed.

        Args:
            apply: shows the rows that match a text, or says what is wrong and leaves those of the last good one.
            id: of the widget.
        """
        super().__init__(id=id)
        self._apply = apply
        self._line = _Line(self)
        self._applied = ""
        self._error: FilterError | None = None
        self._past: list[str] = []
        self._at = 0

    def compose(self) -> ComposeResult:
        """Two lines, the lower one only while something is wrong."""
        yield Static(id="filter_error", markup=False)
        yield self._line

    @property
    def is_open(self) -> bool:
        """Whether it is on screen."""
        return bool(self.display)

    def open(self, text: str) -> None:
        """Shows it with that text, which is applied already, ready to be changed."""
        self._applied = text
        self._complain(None)
        self._put(text)
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

    async def take(self, key: events.Key) -> bool:
        """Does at once what a key does here; False if it does nothing here.

        Left to itself Textual inserts characters in one task and edits in another one: of keys that arrive together, as
        over a slow line, those after Enter would be text.
        """
        bindings = _BOUND.get(key.key, ())
        if not (bindings or key.is_printable):
            return False
        for binding in bindings:
            await self._line.run_action(binding.action)
        if not bindings and key.character:
            self._line.replace(key.character, *sorted(self._line.selection))
        self._try()
        return True

    def keep(self) -> None:
        """Closes it if the text is good."""
        self._try()
        if self._error is None:
            self.close()

    def give_up(self) -> None:
        """Closes it without a text."""
        self._put("")
        self._try()
        self.close()

    def recall(self, step: int) -> None:
        """Goes through what was typed before; after the last of it the line is empty."""
        self._at = max(0, min(self._at + step, len(self._past)))
        self._put(self._past[self._at] if self._at < len(self._past) else "")

    def _put(self, text: str) -> None:
        self._line.value = text
        self._line.cursor_position = len(text)

    @on(Input.Changed)
    def _pasted(self, message: Input.Changed) -> None:
        message.stop()
        self._try()

    def _try(self) -> None:
        """Applies the text if it is another one."""
        text = self._line.value
        if self.is_open and text != self._applied:
            self._applied = text
            self._complain(self._apply(text))

    def _complain(self, error: FilterError | None) -> None:
        self._error = error
        said = self.query_one("#filter_error", Static)
        said.set_class(error is not None, "open")
        if error is not None:
            said.update(f"{' ' * error.position}v {error.message}")
