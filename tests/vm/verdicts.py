"""What the tests of a kernel say about its rungs, as lines and as a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from epolltop.text import printable
from tests.rungs import rungs

from .kernels import Kernel

RUNGS = (*rungs.RUNGS, "nobtf", "notracefs", "capabilities")
OTHER = "other"
"""Tests that are of no rung."""
Outcome = Literal["passed", "failed", "notrun"]

_PARAMETER = re.compile(r"\[(.*)\]$")
_LEFT_OUT = "full report in element text]"
_WHY_LENGTH = 300
_MARKS = "<!-- matrix -->", "<!-- /matrix -->"


@dataclass(frozen=True)
class Verdict:
    """Of one rung on one kernel: of so many tests, so many passed. Why says what is not as it should be."""

    kernel: str
    rung: str
    outcome: Outcome
    why: str = ""
    passed: int = 0
    tests: int = 0

    def __str__(self) -> str:
        return f"{self.kernel} {self.rung} {self.outcome} {self.why}".rstrip()


@dataclass(frozen=True)
class _Case:
    """A test of the report."""

    name: str
    rung: str
    outcome: Outcome
    why: str


def all_rungs(kernel: str, outcome: Outcome, why: str) -> list[Verdict]:
    """The same of each, where the tests could not be asked."""
    return [Verdict(kernel, rung, outcome, _line(why)) for rung in RUNGS]


def read_junit(report: bytes, kernel: Kernel, release: str, *, whole: bool) -> list[Verdict]:
    """One verdict a rung, and one for tests that are of none, if there are any.

    Args:
        report: JUnit's XML, as pytest writes it.
        kernel: says which rungs it may refuse.
        release: how the kernel calls itself.
        whole: all tests ran, so that each rung must be among them.
    """
    try:
        cases = [_case(element) for element in ElementTree.fromstring(report).iter("testcase")]
    except ElementTree.ParseError as error:
        return all_rungs(release, "failed", f"its report is no XML: {error}")
    rungs = [*RUNGS, *dict.fromkeys(case.rung for case in cases if case.rung not in RUNGS)]
    return [
        _verdict(release, rung, [case for case in cases if case.rung == rung], rung in kernel.refuses, whole)
        for rung in rungs
    ]


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


def _verdict(release: str, rung: str, cases: Sequence[_Case], refused: bool, whole: bool) -> Verdict:
    passed = sum(case.outcome == "passed" for case in cases)
    failed = [case for case in cases if case.outcome == "failed"]
    skipped = [case for case in cases if case.outcome == "notrun"]
    counts = passed, len(cases)
    if failed:
        first = f"{len(failed)} of {len(cases)}; {failed[0].name}: {failed[0].why}"
        return Verdict(release, rung, "failed", _line(first), *counts)
    if passed:
        why = f"{len(skipped)} of {len(cases)} skipped: {skipped[0].why}" if skipped else ""
        return Verdict(release, rung, "passed", _line(why), *counts)
    if skipped and not refused:
        why = f"this kernel has it, yet it was skipped: {skipped[0].why}"
        return Verdict(release, rung, "failed", _line(why), *counts)
    if whole and not cases:
        return Verdict(release, rung, "failed", "no test is of this rung")
    return Verdict(release, rung, "notrun", _line(skipped[0].why) if skipped else "no test was selected", *counts)


def _case(element: ElementTree.Element) -> _Case:
    name = element.get("name", "")
    parts = {part.tag: _message(part) for part in element}
    for tag in ("error", "failure"):
        if tag in parts:
            return _Case(name, _rung(name), "failed", parts[tag])
    if "skipped" in parts:
        return _Case(name, _rung(name), "notrun", parts["skipped"])
    return _Case(name, _rung(name), "passed", "")


def _message(part: ElementTree.Element) -> str:
    """Where pytest left out the end of it, the last line of the full report's, which may have no traceback."""
    message = part.get("message") or ""
    if not message.endswith(_LEFT_OUT):
        return message
    lines = (part.text or "").strip().splitlines()
    errors = [line[1:].strip() for line in lines if line.startswith("E ")]
    return f"{message.rpartition('[+')[0]} … {(errors or lines or [''])[-1]}"


def _rung(name: str) -> str:
    """Of `test_name[RUNG-more]`; names of those that we know have hyphens themselves."""
    match = _PARAMETER.search(name)
    given = match[1] if match else ""
    fitting = [rung for rung in RUNGS if given == rung or given.startswith(f"{rung}-")]
    return max(fitting, key=len, default=given.partition("-")[0] or OTHER)


def _line(text: str) -> str:
    """On one line; of a long one beginning and end, where what went wrong stands."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= _WHY_LENGTH else f"{line[: _WHY_LENGTH // 3]} … {line[-_WHY_LENGTH * 2 // 3 :]}"
