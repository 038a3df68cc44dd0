"""Why something cannot be done, as data. `query.refusal_catalogue` has the words."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from epolltop.text.safe import printable


class SourceUnavailable(Exception):
    """A source cannot run here."""

    def __init__(
        self, cause: str, evidence: Mapping[str, int | str] = MappingProxyType({}), *, number: int = 0
    ) -> None:
        """Not raised yet.

        Args:
            cause: an id of docs/snapshot.md.
            evidence: what else is known, by name.
            number: the errno with which the kernel refused; 0 if it is not known, or nothing was asked.
        """
        known = {"errno": errno.errorcode[number]} if number in errno.errorcode else {}
        self.evidence: Mapping[str, int | str] = {"cause": cause, **known, **evidence}
        super().__init__(" ".join(f"{name}={value}" for name, value in self.evidence.items()))


class SourceEnded(Exception):
    """A source has nothing more to come: a recording is over."""


class Unplayable(Exception):
    """A file cannot be replayed. The message says why, in a sentence; whatever it quotes of the file is made safe."""

    def __init__(self, why: str) -> None:
        super().__init__(printable(why if len(why) <= WHY_CHARS_MAX else f"{why[:WHY_CHARS_MAX]}…"))


WHY_CHARS_MAX = 200
"""Characters of such a message: a file may have a word of megabytes instead of a number."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that a source needs of the machine, and whether the machine has it."""

    name: str
    """In lower case, the cause of a refusal if it is not met."""
    met: bool
    evidence: Mapping[str, int | str]
    """What was found, as in SourceUnavailable."""
