"""Why something cannot be done, in words a person can act on."""

from __future__ import annotations

from dataclasses import dataclass

from epolltop.text.safe import printable


class SourceUnavailable(Exception):
    """A source cannot run here. The message says why; remedy is what a person can do about it."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy = remedy


class SourceEnded(Exception):
    """A source has told all it knows: a recording is over."""


class Unplayable(Exception):
    """A file that cannot be replayed. The message says why, in a sentence; where that quotes the file it is safe."""

    def __init__(self, why: str) -> None:
        super().__init__(printable(why if len(why) <= WHY_CHARS_MAX else f"{why[:WHY_CHARS_MAX]}…"))


WHY_CHARS_MAX = 200
"""Of such a message: a file may have a word of megabytes where it should have a number."""


MORE_DESCRIPTORS = "ulimit -n 1024"
"""The remedy where too few descriptors are allowed."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that a source needs of the machine, and whether it is there."""

    name: str
    met: bool
    detail: str
    """What was found."""
    remedy: str = ""
    """What to do if it is not met; empty if it is, or if nothing can be done."""
