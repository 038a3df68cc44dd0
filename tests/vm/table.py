"""The table of docs/kernels.md: what came of which test, of which rung, on which kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .verdicts import Finding, Verdict

_MARKS = "<!-- matrix -->", "<!-- /matrix -->"


@dataclass(frozen=True)
class Run:
    """Which run a table is of."""

    began: datetime
    """In UTC."""
    commit: str
    seeds: int
    took_s: float

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.took_s), 60)
        began = f"{self.began:%Y-%m-%d %H:%M} UTC"
        return f"{began}, commit {self.commit}, seeds a rung: {self.seeds}, took {minutes} min {seconds} s."


def markdown(run: Run, verdicts: Sequence[Verdict]) -> str:
    """A row a rung and test, a column a kernel; whatever did not pass has a note below."""
    kernels = list(dict.fromkeys(verdict.kernel for verdict in verdicts))
    notes: dict[str, int] = {}
    rows = [("rung", "test", *kernels), ("---",) * (len(kernels) + 2)]
    for rung in dict.fromkeys(verdict.rung for verdict in verdicts):
        of_rung = {verdict.kernel: verdict for verdict in verdicts if verdict.rung == rung}
        for test in dict.fromkeys(test for verdict in of_rung.values() for test, _ in verdict.tests) or [""]:
            found = (_of_test(of_rung.get(kernel), test) for kernel in kernels)
            rows.append((f"`{rung}`", _words(test), *(_cell(finding, notes) for finding in found)))
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return "\n".join((f"{run}\n", table, *(f"{number}. {note}" for note, number in notes.items()))) + "\n"


def placed(page: str, table: str) -> str:
    """A page with the table between its marks."""
    head, _, rest = page.partition(_MARKS[0])
    _, _, tail = rest.partition(_MARKS[1])
    return f"{head}{_MARKS[0]}\n\n{table}\n{_MARKS[1]}{tail}"


def _of_test(verdict: Verdict | None, test: str) -> Finding | None:
    """That of the rung where its tests were not asked; None where there is no such test."""
    if verdict is None:
        return None
    return dict(verdict.tests).get(test) if verdict.tests else verdict.finding


def _cell(finding: Finding | None, notes: dict[str, int]) -> str:
    """Of several that passed the number; what is to be noted gets one in `notes`, if it has none yet."""
    if finding is None:
        return "-"
    cell = f"passed ({finding.passed})" if finding.outcome == "passed" and finding.passed > 1 else finding.outcome
    note = finding.why.replace("|", "\\|")
    return f"{cell} [{notes.setdefault(note, len(notes) + 1)}]" if note else cell


def _words(test: str) -> str:
    """A function's name as a heading."""
    return test.removeprefix("test_").replace("_", " ") or "-"
