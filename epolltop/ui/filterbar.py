"""The filter bar: a line to type in, the error under it, and what was typed before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
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

    @dataclass
    class Recalled(Message):
        """Up or Down."""

        step: int

    class GivenUp(Message):
        """Esc."""

    class Left(Message):
        """It no longer has the focus."""

    def action_older(self) -> None:
        self.post_message(self.Recalled(-1))

    def action_newer(self) -> None:
        self.post_message(self.Recalled(1))

    def action_give_up(self) -> None:
        self.post_message(self.GivenUp())

    def on_blur(self) -> None:
        self.post_message(self.Left())


class FilterBar(Vertical):
    """Tells what is typed while it is typed; Enter keeps it, Esc clears it, Up and Down recall.

    While it is open the keys are its own: what was typed before it and comes later (a Tab that a table handles, a view
    that is shown) does not take the focus away.
    """

    @dataclass
    class Changed(Message):
        """Another text, to be tried at once."""

        text: str

    class Closed(Message):
        """The bar is no longer there; what was told last stays."""

    def __init__(self, check: Callable[[str], FilterError | None], id: str) -> None:
        """Closed.

        Args:
            check: what is wrong with a text; such a text is not kept.
            id: of the widget.
        """
        super().__init__(id=id)
        self._check = check
        self._past: list[str] = []
        self._at = 0

    def compose(self) -> ComposeResult:
        """Two lines, the lower one only while something is wrong."""
        yield Static(id="filter_error", markup=False)
        yield _Line(id="filter", placeholder="words, open>10, user:www, !word", compact=True)

    @property
    def is_open(self) -> bool:
        """Whether it is on screen."""
        return bool(self.display)

    def open(self, text: str) -> None:
        """Shows it with that text, ready to be changed."""
        line = self.query_one(_Line)
        line.value = text
        line.cursor_position = len(text)
        self._at = len(self._past)
        self.display = True
        self.screen.set_focus(line)  # now: focus() is too late for who types on

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
        text = self.query_one(_Line).value.strip()
        if text and not self._check(text) and (not self._past or self._past[-1] != text):
            self._past = [*self._past, text][-REMEMBERED:]
        self.display = False
        self.complain(None)
        self.post_message(self.Closed())

    @on(Input.Changed)
    def _tell(self, message: Input.Changed) -> None:
        message.stop()
        if self.is_open:
            self.post_message(self.Changed(message.value))

    @on(Input.Submitted)
    def _keep(self, message: Input.Submitted) -> None:
        message.stop()
        error = self._check(message.value)
        self.complain(error)
        if error is None:
            self.close()

    @on(_Line.Left)
    def _regain(self) -> None:
        if self.is_open and self.screen.is_current:
            self.screen.set_focus(self.query_one(_Line))

    @on(_Line.GivenUp)
    def _clear(self) -> None:
        self.query_one(_Line).value = ""
        self.post_message(self.Changed(""))
        self.close()

    @on(_Line.Recalled)
    def _recall(self, message: _Line.Recalled) -> None:
        self._at = max(0, min(self._at + message.step, len(self._past)))
        line = self.query_one(_Line)
        line.value = self._past[self._at] if self._at < len(self._past) else ""
        line.cursor_position = len(line.value)
