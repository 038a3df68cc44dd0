"""/proc/PID/cmdline: the command lines of processes, in bounded memory whatever strangers choose.

A process may have 2 MB of arguments (a quarter of its stack limit), and a user as many processes as the limit says.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import NamedTuple

from epolltop.model.bounds import TEXT_CHARS_MAX
from epolltop.model.process import ProcessKey
from epolltop.text.numbers import grouped
from epolltop.text.safe import safe

COMMAND_BYTES = 1 << 16
"""Bytes read of one command line: 20 us. Java has class paths of 10 to 30 KB before the name of the main class."""
COMMANDS_BYTES = 16 << 20
"""Memory for all command lines. A new one gets at most a 64th of what is left, so late comers are cut shorter..."""
PART = 64
LEAST_CHARS = 256
"""... but never below this: at most 32 MB for 32,768 processes, four bytes a character."""
_MARK_CHARS = 32  # more than the longest mark has


class Command(NamedTuple):
    """A command line, as far as it is kept."""

    text: str
    """The arguments, joined by blanks; a mark says what is missing. Empty if there are none, as for kernel threads."""
    octets: int | None
    """Length of the whole; None if it is longer than what was read and the kernel does not say."""
    truncated: bool


class Commands:
    """The command lines of all known processes."""

    def __init__(self, read: Callable[[int, int], bytes], size: Callable[[int], int | None]) -> None:
        """Starts with none.

        Args:
            read: returns the beginning of the command line of a pid; each argument ends with NUL.
            size: returns how long the whole is; called only if the beginning is not all.
        """
        self._read, self._size = read, size
        self._kept: dict[ProcessKey, Command] = {}
        self._taken = 0

    def read(self, key: ProcessKey) -> Command:
        """Reads the current command line: a process may rewrite it."""
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
        """Drops the command lines of all other processes."""
        for key in [key for key in self._kept if key not in alive]:
            self._drop(key)

    def _drop(self, key: ProcessKey) -> None:
        command = self._kept.pop(key, None)
        if command is not None:
            self._taken -= sys.getsizeof(command.text)
