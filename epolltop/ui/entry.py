"""A line to type in that does at once what a key does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from textual import events, on
from textual.binding import BindingsMap
from textual.widgets import Input

_EDITING = BindingsMap(Input.BINDINGS).key_to_bindings


class TakesKeys(Protocol):
    """What has a line, and takes keys whatever has the focus."""

    async def take(self, key: events.Key) -> bool:
        """Does at once what a key does here; False if it does nothing here."""


class Entry(Input):
    """Takes keys from the app instead of waiting for them.

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

    async def take(self, key: events.Key) -> bool:
        """See `TakesKeys`."""
        if key.key in self._keys:
            self._keys[key.key]()
        elif key.key in _EDITING:
            for binding in _EDITING[key.key]:
                await self.run_action(binding.action)
        elif key.is_printable and key.character:
            self.replace(key.character, *sorted(self.selection))
        else:
            return False
        self._changed(self.value)
        return True

    @on(Input.Changed)
    def _pasted(self, message: Input.Changed) -> None:
        message.stop()
        self._changed(self.value)
