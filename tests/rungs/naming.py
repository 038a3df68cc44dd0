"""Whether an instance must keep the id under which it was told at the last look.

A census by address knows an instance again whatever happened. One by place knows it by descriptors that were, and are,
its own; where a descriptor changed over from one instance to another meanwhile, either answer is as good.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Set
from dataclasses import dataclass

from .coverage import Coverage, Place
from .files import File

Places = Set[Place]


class Name(enum.Enum):
    """What an instance must be called."""

    KEPT = enum.auto()
    FRESH = enum.auto()
    EITHER = enum.auto()


@dataclass(frozen=True)
class Naming:
    """Between two looks."""

    coverage: Coverage
    before: Mapping[File, Places]
    """Where each instance was held, as far as the rung sees."""
    now: Mapping[File, Places]
    born: Mapping[File, Place]
    """Where those were created that were traced meanwhile, also by threads whose tables the rung does not see."""

    def of(self, file: File, born: Place | None, *, known: bool) -> Name:
        """Of an instance that is held now.

        Args:
            file: the instance.
            born: where it was traced to be created; None if it was not.
            known: whether it was told before, or traced.
        """
        if self.coverage.addresses:
            # Without releases a birth says nothing of what the last census did not show.
            kept = known if self.coverage.releases else file in self.before or file in self.born
            return Name.KEPT if kept else Name.FRESH
        mine, former = self.now[file], self.before.get(file, set())
        if self._disputed(file):
            return Name.EITHER
        if mine & former:
            return Name.KEPT
        if born is None:
            return Name.FRESH
        # Of an earlier one, which the last look did not see, a place says nothing any more.
        return Name.KEPT if file in self.born and born in mine else Name.EITHER

    def lost(self, file: File) -> Name:
        """Of one that was held at the last look and is not now: KEPT if it must stay known, FRESH if it must go."""
        return Name.EITHER if not self.coverage.addresses and self._disputed(file) else Name.FRESH

    def _disputed(self, file: File) -> bool:
        mine, former = self.now.get(file, set()), self.before.get(file, set())
        if any(place in mine for other, place in self.born.items() if other is not file):
            return True
        return any(mine & places for other, places in self.before.items() if other is not file) or any(
            former & places for other, places in self.now.items() if other is not file
        )
