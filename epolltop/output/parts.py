"""Output in parts: long output is written as it is made, and is never whole in memory."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator

from epolltop.text.numbers import size

Parts = Iterable[str]
"""Parts of a text; a part need not be a whole line."""

Write = Callable[[Parts], object]
"""Takes the parts of one output, in order; raises OSError if they cannot all be written."""

_BLOCK = 1 << 16  # characters: as much as a pipe takes at once


def blocks(parts: Parts) -> Iterator[str]:
    """The same text in parts of at least 64 Ki characters, except the last, so that a system call for each is cheap."""
    gathered: list[str] = []
    length = 0
    for part in parts:
        gathered.append(part)
        length += len(part)
        if length >= _BLOCK:
            yield "".join(gathered)
            gathered, length = [], 0
    if gathered:
        yield "".join(gathered)


def by_blocks(write: Callable[[str], object]) -> Write:
    """Writes parts through what takes a text of any length."""

    def write_all(parts: Parts) -> None:
        for block in blocks(parts):
            write(block)

    return write_all


def within(most: int, parts: Parts, what: str, remedy: str) -> Iterator[str]:
    """The same text, if it has at most that many bytes.

    Raises:
        OSError: it has more; the message names it and the remedy. The parts before were yielded.
    """
    left = most
    for part in parts:
        left -= len(part) if part.isascii() else len(part.encode("utf-8", "replace"))
        if left < 0:
            raise OSError(errno.EFBIG, f"more than {size(most)}; {remedy}", what)
        yield part
