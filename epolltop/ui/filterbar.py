"""The filter bar: a line to type in, the error under it, and what was typed before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingsMap, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from epolltop.query.filter import FilterError

REMEMBERED = 100


class _Line(Input):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "older", show=False),
        Binding("down", "newer", show=False),
        Binding("escape", "give_up", show=False),
    ]

    def __init__(self, bar: FilterBar) -> None:
        # What was typed before the focus arrives stays: it is not selected and typed over.
        placeholder = "words, open>10, user:www, !word"
        super().__init__(id="filter", placeholder=placeholder, compact=True, select_on_focus=False)
        self._bar = bar

    async def on_key(self, event: events.Key) -> None:
        """Every key in its turn.

        Left to itself Textual inserts characters at once, but edits only when a key has come all the way up to the app:
        of keys that arrive together, as over a slow line, those after Enter would be text.
        """
        event.stop()
        if not self._bar.is_open:
            event.prevent_default()
            self.app.post_message(events.Key(event.key, event.character))
            return
        for binding in _BOUND.key_to_bindings.get(event.key, ()):
            event.prevent_default()
            await self.run_action(binding.action)

    async def action_submit(self) -> None:
        self._bar.keep()

    def action_older(self) -> None:
        self._bar.recall(-1)

    def action_newer(self) -> None:
        self._bar.recall(1)

    def action_give_up(self) -> None:
        self._bar.give_up()


_BOUND = BindingsMap([*Input.BINDINGS, *_Line.BINDINGS])


class FilterBar(Vertical):
    """Tells what is typed while it is typed; Enter keeps it, Esc clears it, Up and Down recall.

    While it is open the keys are its own. What it tells goes to the app at once, before any key that was typed later.
    """

    @dataclass
    class Changed(Message):
        """Another text, to be tried at once."""

        text: str

    class Closed(Message):
        """The bar, which had the focus, is no longer there; what was told last stays."""

    def __init__(self, check: Callable[[str], FilterError | None], id: str) -> None:
        """Closed.

        Args:
            check: what is wrong with a text; such a text is not kept.
            id: of the widget.
        """
        super().__init__(id=id)
        self._check = check
        self._line = _Line(self)
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
        """Shows it with that text, ready to be changed."""
        self._put(text)
        self._at = len(self._past)
        self.display = True
        self.screen.set_focus(self._line)  # now: focus() is too late for who types on

    def _put(self, text: str) -> None:
        self._line.value = text
        self._line.cursor_position = len(text)

    def complain(self, error: FilterError | None) -> None:
        """Points at what is wrong; None: nothing is."""
        said = self.query_one("#filter_error", Static)
        said.set_class(error is not None, "open")
        if error is not None:
            said.update(f"{' ' * error.position}v {error.message}")

    def close(self) -> None:
        """Hides it."""
        if not self.is_open:
            return
        text = self._line.value.strip()
        if text and not self._check(text) and (not self._past or self._past[-1] != text):
            self._past = [*self._past, text][-REMEMBERED:]
        self.display = False
        self.complain(None)
        if self._line.has_focus:
            self.app.post_message(self.Closed())

    def keep(self) -> None:
        """Closes it if the text is good, else says what is wrong."""
        error = self._check(self._line.value)
        self.complain(error)
        if error is None:
            self._tell()
            self.close()

    def give_up(self) -> None:
        """Closes it without a text."""
        self._line.value = ""
        self._tell()
        self.close()

    def recall(self, step: int) -> None:
        """Goes through what was typed before; after the last of it the line is empty."""
        self._at = max(0, min(self._at + step, len(self._past)))
        self._put(self._past[self._at] if self._at < len(self._past) else "")

    def _tell(self) -> None:
        self.app.post_message(self.Changed(self._line.value))

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        if self.is_open:
            self._tell()
