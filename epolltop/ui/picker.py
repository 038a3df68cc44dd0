"""One of many, chosen from a list that narrows while one types; and a line of text, asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option


class Choice(NamedTuple):
    """Something to choose."""

    id: str
    label: str
    help: str = ""


class Picker(ModalScreen[str | None]):
    """The id of what was chosen, None if nothing was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close"),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
    ]

    def __init__(
        self, title: str, choices: Sequence[Choice], readable: Callable[[str], str], current: str = ""
    ) -> None:
        super().__init__()
        self._title, self._choices, self._readable, self._current = title, choices, readable, current

    def compose(self) -> ComposeResult:
        """A line to type in, over what is left of the choices."""
        with Vertical(classes="dialog"):
            yield Static(self._readable(self._title), classes="dialog-title", markup=False)
            yield Input(placeholder="type to narrow, Enter chooses, Esc closes", compact=True)
            yield OptionList(compact=True)

    def on_mount(self) -> None:
        """Shows all of them, the present one under the cursor."""
        self._narrow("")
        at = next((at for at, choice in enumerate(self._choices) if choice.id == self._current), 0)
        self.query_one(OptionList).highlighted = at if self._choices else None

    def _narrow(self, typed: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        width = max((len(choice.label) for choice in self._choices), default=0)
        for choice in self._choices:
            if typed.casefold() in f"{choice.id} {choice.label} {choice.help}".casefold():
                text = Text(self._readable(f"{choice.label:<{width}}"), "bold")
                options.add_option(Option(text.append(self._readable(f"  {choice.help}"), "not bold"), choice.id))
        options.highlighted = 0 if options.option_count else None

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        self._narrow(message.value)

    def action_move(self, step: int) -> None:
        """Moves the cursor of the list; typing goes on in the line."""
        options = self.query_one(OptionList)
        options.action_cursor_down() if step > 0 else options.action_cursor_up()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self.dismiss(options.get_option_at_index(options.highlighted).id)

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        self.dismiss(message.option_id)


class Question(ModalScreen[str | None]):
    """What was typed, None if nothing was."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close")]

    def __init__(self, title: str, hint: str, readable: Callable[[str], str]) -> None:
        super().__init__()
        self._title, self._hint, self._readable = title, hint, readable

    def compose(self) -> ComposeResult:
        """A title and a line."""
        with Vertical(classes="dialog"):
            yield Static(self._readable(self._title), classes="dialog-title", markup=False)
            yield Input(placeholder=self._hint, compact=True)

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        self.dismiss(message.value.strip() or None)
