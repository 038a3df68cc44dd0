"""Command lines of processes, in bounded memory whatever strangers choose.

A process may have 2 MB of arguments (a quarter of its stack limit), and a user as many processes as the limit says.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import NamedTuple

from epolltop.model.batch import ProcessKey
from epolltop.model.bounds import TEXT_CHARS_MAX
from epolltop.text.numbers import grouped
from epolltop.text.safe import safe

COMMAND_BYTES = 1 << 16
"""Read of one: 20 us. Class paths of Java have 10 to 30 KB, and what is started stands behind them."""
COMMANDS_BYTES = 16 << 20
"""Of memory for all. Who comes when others have taken much of it gets a part of what is left..."""
PART = 64
LEAST_CHARS = 256
"""... but at least so much: at most 32 MB for 32,768 processes, four bytes a character."""
_MARK_CHARS = 32  # more than the longest mark has


class Command(NamedTuple):
    """A command line, as far as it is kept."""

    text: str
    """Arguments with blanks between them; what is missing is marked. Empty: it has none, as kernel threads."""
    octets: int | None
    """Length of the whole; None if it is longer than what was read, and the kernel does not tell."""
    truncated: bool


class Commands:
    """Those of all processes that are known."""

    def __init__(self, read: Callable[[int, int], bytes], size: Callable[[int], int | None]) -> None:
        """Knows none.

        Args:
            read: the beginning of the command line of a pid, arguments ended by NUL.
            size: how long the whole is; asked where the beginning is not all.
        """
        self._read, self._size = read, size
        self._kept: dict[ProcessKey, Command] = {}
        self._taken = 0

    def read(self, key: ProcessKey) -> Command:
        """As it is now: a process may rewrite it."""
        raw = self._read(key.pid, COMMAND_BYTES + 1)
        whole = raw.rstrip(b"\0 ")
        is_whole = len(raw) <= COMMAND_BYTES
        text = safe(whole[:COMMAND_BYTES].replace(b"\0", b" "))
        before = self._kept.get(key)
        if before and is_whole and not before.truncated and before.text == text:
            return before
        self._drop(key)
        most = max(LEAST_CHARS, min(TEXT_CHARS_MAX, (COMMANDS_BYTES - self._taken) // PART))
        octets = len(whole) if is_whole else self._size(key.pid)
        truncated = not is_whole or len(text) > most
        if truncated:
            mark = "…" if octets is None else f"… ({grouped(octets)} bytes)"
            text = text[: most - _MARK_CHARS] + mark
        command = self._kept[key] = Command(text, octets, truncated)
        self._taken += sys.getsizeof(text)
        return command

    def forget(self, alive: Collection[ProcessKey]) -> None:
        """Drops all but these."""
        for key in [key for key in self._kept if key not in alive]:
            self._drop(key)

    def _drop(self, key: ProcessKey) -> None:
        command = self._kept.pop(key, None)
        if command is not None:
            self._taken -= sys.getsizeof(command.text)
