"""What the tests of a kernel say about its rungs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from epolltop.text.safe import printable

from .kernels import Kernel
from .report import RUNGS, Case, Unreadable, read_junit
from .skips import judged

_WHY_LENGTH = 300


@dataclass(frozen=True)
class Finding:
    """Of some tests: so many passed. Why says what is not as it should be."""

    outcome: Literal["passed", "failed", "notrun", "defect"]
    why: str = ""
    passed: int = 0


@dataclass(frozen=True)
class Verdict:
    """Of one rung on one kernel."""

    kernel: str
    rung: str
    finding: Finding
    tests: tuple[tuple[str, Finding], ...] = ()
    """Of each function, in the order in which they ran. Empty if the rung was not asked."""

    @property
    def outcome(self) -> Literal["passed", "failed", "notrun"]:
        """A rung of which all that was asked is known to be wrong has shown nothing."""
        return "notrun" if self.finding.outcome == "defect" else self.finding.outcome

    def __str__(self) -> str:
        return f"{self.kernel} {self.rung} {self.outcome} {self.finding.why}".rstrip()


def all_rungs(kernel: str, outcome: Literal["failed", "notrun"], why: str) -> list[Verdict]:
    """The same of each, where the tests could not be asked."""
    return [Verdict(kernel, rung, Finding(outcome, _line(why))) for rung in RUNGS]


def of_report(report: bytes, kernel: Kernel, name: str, *, whole: bool) -> list[Verdict]:
    """One verdict a rung, and one for tests that are of none, if there are any.

    Args:
        report: JUnit's XML, as pytest writes it.
        kernel: says what it may skip.
        name: what lines call it.
        whole: all tests ran, so that each rung must be among them.
    """
    try:
        cases = [judged(case, kernel.permitted()) for case in read_junit(report)]
    except Unreadable as error:
        return all_rungs(name, "failed", str(error))
    absent = Finding("failed", "no test is of this rung") if whole else Finding("notrun", "no test was selected")
    rungs = dict.fromkeys((*RUNGS, *(case.rung for case in cases)))
    return [_verdict(name, rung, [case for case in cases if case.rung == rung], absent) for rung in rungs]


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """0 if something passed and nothing failed."""
    outcomes = {verdict.outcome for verdict in verdicts}
    return 0 if "passed" in outcomes and "failed" not in outcomes else 1


def _verdict(name: str, rung: str, cases: Sequence[Case], absent: Finding) -> Verdict:
    if not cases:
        return Verdict(name, rung, absent)
    return Verdict(name, rung, _finding(cases), tuple(_by_test(cases)))


def _by_test(cases: Sequence[Case]) -> Iterator[tuple[str, Finding]]:
    for test in dict.fromkeys(case.test for case in cases):
        yield test, _finding([case for case in cases if case.test == test])


def _finding(cases: Sequence[Case]) -> Finding:
    failed, skipped, defects = (
        [case for case in cases if case.outcome == outcome] for outcome in ("failed", "skipped", "defect")
    )
    passed = len(cases) - len(failed) - len(skipped) - len(defects)
    if failed:
        return Finding("failed", _line(f"{len(failed)} of {len(cases)}; {failed[0].name}: {failed[0].why}"), passed)
    why = _line("; ".join(_missing(len(cases), skipped, defects)))
    return Finding("passed" if passed else "defect" if defects else "notrun", why, passed)


def _missing(tests: int, skipped: Sequence[Case], defects: Sequence[Case]) -> Iterator[str]:
    """What did neither pass nor fail, and why."""
    if skipped:
        reasons = "; ".join(dict.fromkeys(case.why for case in skipped))
        yield reasons if len(skipped) == tests else f"{len(skipped)} of {tests} skipped: {reasons}"
    yield from dict.fromkeys(f"known defect: {case.why}" for case in defects)


def _line(text: str) -> str:
    """On one line; of a long one beginning and end, where what went wrong stands."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= _WHY_LENGTH else f"{line[: _WHY_LENGTH // 3]} … {line[-_WHY_LENGTH * 2 // 3 :]}"
