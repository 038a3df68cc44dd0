"""What the tests of a kernel say about its rungs, as lines and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from epolltop.text import printable

from .kernels import Kernel
from .report import RUNGS, Case, Unreadable, read_junit
from .skips import EVERYWHERE, judged

Outcome = Literal["passed", "failed", "notrun"]

_WHY_LENGTH = 300
_MARKS = "<!-- matrix -->", "<!-- /matrix -->"


@dataclass(frozen=True)
class Verdict:
    """Of one rung on one kernel: so many tests passed. Why says what is not as it should be."""

    kernel: str
    rung: str
    outcome: Outcome
    why: str = ""
    passed: int = 0

    def __str__(self) -> str:
        return f"{self.kernel} {self.rung} {self.outcome} {self.why}".rstrip()


def all_rungs(kernel: str, outcome: Outcome, why: str) -> list[Verdict]:
    """The same of each, where the tests could not be asked."""
    return [Verdict(kernel, rung, outcome, _line(why)) for rung in RUNGS]


def of_report(report: bytes, kernel: Kernel, release: str, *, whole: bool) -> list[Verdict]:
    """One verdict a rung, and one for tests that are of none, if there are any.

    Args:
        report: JUnit's XML, as pytest writes it.
        kernel: says what it may skip.
        release: how the kernel calls itself.
        whole: all tests ran, so that each rung must be among them.
    """
    try:
        cases = [judged(case, (*EVERYWHERE, *kernel.skips)) for case in read_junit(report)]
    except Unreadable as error:
        return all_rungs(release, "failed", str(error))
    rungs = [*RUNGS, *dict.fromkeys(case.rung for case in cases if case.rung not in RUNGS)]
    return [_verdict(release, rung, [case for case in cases if case.rung == rung], whole) for rung in rungs]


def markdown(verdicts: Iterable[Verdict]) -> str:
    """A row a rung, a column a kernel; whatever did not pass has a note below."""
    cells: dict[tuple[str, str], str] = {}
    notes: list[str] = []
    for verdict in verdicts:
        cell = f"{verdict.outcome} ({verdict.passed})" if verdict.outcome == "passed" else verdict.outcome
        if verdict.why:
            note = verdict.why.replace("|", "\\|")
            notes += [] if note in notes else [note]
            cell += f" [{notes.index(note) + 1}]"
        cells[verdict.rung, verdict.kernel] = cell
    kernels = list(dict.fromkeys(kernel for _, kernel in cells))
    rows = [("rung", *kernels), ("---",) * (len(kernels) + 1)]
    rows += [
        (f"`{rung}`", *(cells.get((rung, kernel), "") for kernel in kernels))
        for rung in dict.fromkeys(rung for rung, _ in cells)
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{table}\n" + "".join(f"\n{number}. {note}" for number, note in enumerate(notes, start=1)) + "\n"


def placed(page: str, table: str) -> str:
    """A page with the table between its marks."""
    head, _, rest = page.partition(_MARKS[0])
    _, _, tail = rest.partition(_MARKS[1])
    return f"{head}{_MARKS[0]}\n\n{table}\n{_MARKS[1]}{tail}"


def _verdict(release: str, rung: str, cases: Sequence[Case], whole: bool) -> Verdict:
    if not cases:
        if whole:
            return Verdict(release, rung, "failed", "no test is of this rung")
        return Verdict(release, rung, "notrun", "no test was selected")
    failed = [case for case in cases if case.outcome == "failed"]
    passed = sum(case.outcome == "passed" for case in cases)
    if failed:
        first = f"{len(failed)} of {len(cases)}; {failed[0].name}: {failed[0].why}"
        return Verdict(release, rung, "failed", _line(first), passed)
    return Verdict(release, rung, "passed" if passed else "notrun", _line("; ".join(_missing(cases))), passed)


def _missing(cases: Sequence[Case]) -> Iterator[str]:
    """What did neither pass nor fail, and why."""
    skipped = [case.why for case in cases if case.outcome == "skipped"]
    reasons = "; ".join(dict.fromkeys(skipped))
    if skipped:
        yield reasons if len(skipped) == len(cases) else f"{len(skipped)} of {len(cases)} skipped: {reasons}"
    for defect in dict.fromkeys(case.why for case in cases if case.outcome == "defect"):
        yield f"known defect: {defect}"


def _line(text: str) -> str:
    """On one line; of a long one beginning and end, where what went wrong stands."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= _WHY_LENGTH else f"{line[: _WHY_LENGTH // 3]} … {line[-_WHY_LENGTH * 2 // 3 :]}"
