"""Why something cannot be done, in words a person can act on."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from epolltop.text.safe import printable


class SourceUnavailable(Exception):
    """A source cannot run here. The message says why; the remedy says what a person can do about it."""

    def __init__(self, why: str, remedy: str, *, cause: str = "", number: int = 0) -> None:
        """Not raised yet.

        Args:
            why: for people.
            remedy: for people, too.
            cause: the same as `why` for programs, an id of docs/snapshot.md; empty if it has none.
            number: the errno with which the kernel refused; 0 if it is not known, or nothing was asked.
        """
        super().__init__(why)
        self.remedy = remedy
        self.cause = cause
        self.errno = number

    @property
    def evidence(self) -> dict[str, str]:
        """All of it by name, as the evidence of a limit: the errno as EPERM, and nothing that is not known."""
        name = errno.errorcode.get(self.errno, "")
        known = {"why": str(self), "remedy": self.remedy, "cause": self.cause, "errno": name}
        return {each: text for each, text in known.items() if text}


class SourceEnded(Exception):
    """A source has nothing more to come: a recording is over."""


class Unplayable(Exception):
    """A file cannot be replayed. The message says why, in a sentence; whatever it quotes of the file is made safe."""

    def __init__(self, why: str) -> None:
        super().__init__(printable(why if len(why) <= WHY_CHARS_MAX else f"{why[:WHY_CHARS_MAX]}…"))


WHY_CHARS_MAX = 200
"""Characters of such a message: a file may have a word of megabytes instead of a number."""


MORE_DESCRIPTORS = "ulimit -n 1024"
"""The remedy if too few descriptors are allowed."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that a source needs of the machine, and whether the machine has it."""

    name: str
    met: bool
    detail: str
    """What was found."""
    remedy: str = ""
    """What to do if it is not met; empty if it is, or if nothing can be done."""
