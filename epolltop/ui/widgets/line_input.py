"""A line to type in that does at once what a key does; and what all that takes keys in their order has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from textual import events, on
from textual.binding import BindingsMap
from textual.widgets import Input

from epolltop.text.safe import printable

_EDITING = BindingsMap(Input.BINDINGS).key_to_bindings


class TakesKeys(Protocol):
    """What takes all keys while it is open, whatever has the focus."""

    async def take(self, typed: events.Key | events.Paste) -> bool:
        """Does at once what a key does here, or takes what was pasted; False if it does nothing here."""


class Entry(Input):
    """Takes keys and pastes from the app instead of waiting for them.

    Left to itself Textual inserts characters in one task and edits in another one: of keys that arrive together, as
    over a slow line, those after Enter would be text.
    """

    def __init__(
        self, keys: Mapping[str, Callable[[], object]], changed: Callable[[str], object], placeholder: str, id: str = ""
    ) -> None:
        """Empty.

        Args:
            keys: what they do here, beside those that edit.
            changed: told the text after each key and paste, also if it is the same.
            placeholder: shown while it is empty.
            id: of the widget.
        """
        super().__init__(id=id or None, placeholder=placeholder, compact=True, select_on_focus=False)
        self._keys, self._changed = keys, changed

    def put(self, text: str) -> None:
        """Another text, to be written on; nobody is told."""
        self.value = text
        self.cursor_position = len(text)

    async def take(self, typed: events.Key | events.Paste) -> bool:
        if isinstance(typed, events.Paste):
            self._insert(printable("".join(typed.text.splitlines()[:1])))
        elif typed.key in self._keys:
            self._keys[typed.key]()
        elif typed.key in _EDITING:
            for binding in _EDITING[typed.key]:
                await self.run_action(binding.action)
        elif typed.is_printable and typed.character:
            self._insert(typed.character)
        else:
            return False
        self._changed(self.value)
        return True

    def _insert(self, text: str) -> None:
        self.replace(text, *sorted(self.selection))

    @on(Input.Changed)
    def _edited(self, message: Input.Changed) -> None:
        """By the mouse, as terminals' own menus do."""
        message.stop()
        self._changed(self.value)
