"""What a guest may leave out; any other skip there is a failure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .report import RUNGS, Case


@dataclass(frozen=True)
class Skip:
    """Tests that may be skipped."""

    rungs: tuple[str, ...]
    why: str
    """What they say then, or a part of it. Skipped for another reason, they fail."""
    test: str = ""
    """A function; all of the rung without."""

    def covers(self, case: Case) -> bool:
        """Whether it is about this one."""
        return case.rung in self.rungs and self.test in ("", case.test) and self.why in case.why


EVERYWHERE = (Skip(("proc",), "what lives so shortly is not seen by /proc", "test_storm"),)
WITH_ONE_CPU = (
    Skip(
        ("kprobe",),
        "only in a guest, and one with a second processor, to switch it off",
        "test_what_happens_there_afterwards_is_told",
    ),
)

WITHOUT_LOCKDOWN = (Skip(("lockdown",), "this kernel is not locked down"),)
WITH_LOCKDOWN = (Skip(tuple(rung for rung in RUNGS if rung != "lockdown"), "lockdown: confidentiality"),)


def judged(case: Case, permitted: Iterable[Skip]) -> Case:
    """As it is, or failed if it was skipped without permission."""
    if case.outcome != "skipped" or any(skip.covers(case) for skip in permitted):
        return case
    return Case(case.name, case.rung, "failed", f"skipped, which no guest may: {case.why}")
