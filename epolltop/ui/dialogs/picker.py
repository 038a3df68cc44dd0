"""A dialog to choose from a list that narrows while one types, and a dialog that asks for a line of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from epolltop.ui.widgets.line_input import Entry


class Choice(NamedTuple):
    """An entry of the list."""

    id: str
    label: str
    help: str = ""


class _Dialog(ModalScreen[str | None]):
    """A title over a line; ends with a text, None after Esc. Keys are the line's, whatever has the focus."""

    def __init__(
        self,
        title: str,
        hint: str,
        readable: Callable[[str], str],
        keys: Mapping[str, Callable[[], object]] = MappingProxyType({}),
        below: Sequence[Widget] = (),
    ) -> None:
        super().__init__()
        ends: dict[str, Callable[[], object]] = {"enter": self._answer, "escape": partial(self._end, None)}
        self._entry = Entry({**ends, **keys}, self._typed, hint)
        heading = Static(readable(title), classes="dialog-title", markup=False)
        self._parts: Sequence[Widget] = (heading, self._entry, *below)

    def compose(self) -> ComposeResult:
        """One under the other."""
        yield Vertical(*self._parts, classes="dialog")

    async def take(self, typed: events.Key | events.Paste) -> bool:
        return await self._entry.take(typed)

    def _end(self, answer: str | None) -> None:
        """Once: a second click may be on its way."""
        if self.is_current:
            self.dismiss(answer)

    def _typed(self, text: str) -> None:
        """What the line holds now."""

    def _answer(self) -> None:
        raise NotImplementedError


class Question(_Dialog):
    """Returns the typed text; None if there is none."""

    def _answer(self) -> None:
        self._end(self._entry.value.strip() or None)


class _Choices(OptionList):
    """The remaining entries; a click on an entry that is no longer listed is ignored."""

    def on_click(self, event: events.Click) -> None:
        """Textual's own comes next, unless it is prevented."""
        if event.style.meta.get("option", 0) >= self.option_count:
            event.prevent_default()


class Picker(_Dialog):
    """Returns the id of the chosen entry; None if there is none."""

    def __init__(
        self, title: str, choices: Sequence[Choice], readable: Callable[[str], str], current: str = ""
    ) -> None:
        options = _Choices(compact=True)
        moves = {
            "up": options.action_cursor_up,
            "down": options.action_cursor_down,
            "pageup": options.action_page_up,
            "pagedown": options.action_page_down,
        }
        super().__init__(title, "type to narrow, Enter chooses, Esc closes", readable, moves, below=[options])
        self._choices, self._current, self._readable = choices, current, readable
        self._options = options
        self._narrowed_by: str | None = None

    def on_mount(self) -> None:
        """Shows all of them, the present one under the cursor."""
        self._typed("")
        at = next((at for at, choice in enumerate(self._choices) if choice.id == self._current), 0)
        self._options.highlighted = at if self._choices else None

    def _typed(self, text: str) -> None:
        if text == self._narrowed_by:
            return
        self._narrowed_by = text
        self._options.clear_options()
        width = max((len(choice.label) for choice in self._choices), default=0)
        for choice in self._choices:
            if text.casefold() in f"{choice.id} {choice.label} {choice.help}".casefold():
                label = Text(self._readable(f"{choice.label:<{width}}"), "bold")
                label.append(self._readable(f"  {choice.help}"), "not bold")
                self._options.add_option(Option(label, choice.id))
        self._options.highlighted = 0 if self._options.option_count else None

    def _answer(self) -> None:
        if self._options.highlighted is not None:
            self._end(self._options.get_option_at_index(self._options.highlighted).id)

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        self._end(message.option_id)
