"""Rows of the answer, and how they are printed."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.budgets import Budget

HEADING = ("what", "measured", "budget", "verdict", "for comparison, same run")


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured, or not."""

    budget: Budget
    measured: str
    verdict: str
    comparison: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """As HEADING names them."""
        return self.budget.name, self.measured, self.budget.text, self.verdict, self.comparison


class Unmeasurable(Exception):
    """Something cannot be measured here; the message says why."""


def judged(budget: Budget, value: float, detail: str = "", comparison: str = "") -> Row:
    """A number against its budget."""
    verdict = "-" if budget.limit is None else "within" if value <= budget.limit else "OVER"
    return Row(budget, number(value, budget.unit) + (f" ({detail})" if detail else ""), verdict, comparison)


def held(budget: Budget, holds: bool, measured: str, comparison: str = "") -> Row:
    """A statement that holds or does not."""
    return Row(budget, measured, "within" if holds else "OVER", comparison)


def not_alone(row: Row, beside: str) -> Row:
    """A number to which others have added, so that there is no verdict."""
    return replace(row, measured=f"{row.measured}, beside {beside}", verdict="not alone")


def unmeasured(budget: Budget, why: object) -> Row:
    """No number, and the reason."""
    return Row(budget, "not measured", "not measured", str(why))


def number(value: float, unit: str) -> str:
    """Three digits are enough for what is noisy."""
    digits = (
        0 if abs(value) >= 100 or unit in ("ns", "events") else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    )
    value = round(value, digits) + 0.0  # no -0
    return f"{value:,.{digits}f} {unit.split(' of ', maxsplit=1)[0]}"


def plain(rows: Sequence[Row]) -> str:
    """Aligned columns."""
    lines = [HEADING, *(row.cells for row in rows)]
    widths = [max(_width(line[at]) for line in lines) for at in range(len(HEADING))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def markdown(rows: Sequence[Row]) -> str:
    """The same for README.md."""
    lines = [HEADING, ("---",) * len(HEADING), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)
