"""Which processes count."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """Which processes count; empty sets select all."""

    pids: frozenset[int] = frozenset()
    uids: frozenset[int] = frozenset()
    named: frozenset[int] = frozenset()
    """Pids that count beside the selected ones."""

    @property
    def asked(self) -> frozenset[int]:
        """Pids of which somebody wants to know whether they live, also if they hold nothing."""
        return self.pids | self.named

    def absent(self, known: Container[int]) -> tuple[int, ...]:
        """Its pids that are not among the known ones."""
        return tuple(sorted(pid for pid in self.asked if pid not in known))

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return not (self.pids or self.uids)

    def covers(self, pid: int, uid: int | None) -> bool:
        """Whether a process belongs to it."""
        is_selected = (not self.pids or pid in self.pids) and (not self.uids or uid in self.uids)
        return is_selected or pid in self.named
