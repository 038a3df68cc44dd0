"""The columns in which the row of something else tells what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from epolltop.findings.words import brief
from epolltop.model.finding import Finding, Severity
from epolltop.model.snapshot import Snapshot
from epolltop.query.field import Alarm, Field
from epolltop.text.numbers import UNKNOWN

Row = TypeVar("Row")

ALARMS: Mapping[Severity, Alarm] = {Severity.INFO: "notice", Severity.WARN: "warn", Severity.CRITICAL: "error"}
"""How alarming a cell is that tells of a finding."""
FINDING_CELLS = 24
"""Of a column that tells findings briefly."""


def finding_columns(
    found: Callable[[Row, Snapshot], Sequence[Finding]],
    command: Field[Row],
    *,
    command_of: str,
    then_by: str,
    order: Callable[[Row, Snapshot], int],
) -> tuple[Field[Row], Field[Row], Field[Row]]:
    """The severity, the command, and the worst finding, which takes the rest of the line.

    Args:
        found: what is wrong with a row, the worst first.
        command: tables have it in place of a finding, if there is none.
        command_of: what it is, for the help.
        then_by: what tells rows of one severity apart, for the help.
        order: the same, below 2**64.
    """

    def worst(row: Row, snapshot: Snapshot) -> Severity:
        return max((finding.severity for finding in found(row, snapshot)), default=Severity.UNKNOWN)

    def may_be_found(row: Row, snapshot: Snapshot) -> bool:
        return snapshot.judged_s is None or bool(found(row, snapshot))

    return (
        Field("severity", "SEVERITY", 8, "text",
              lambda row, snapshot: severity.word if (severity := worst(row, snapshot)) else None,
              "How bad the worst finding about it is: critical, warn or info.", in_json=False, shown=False,
              ranked=True, applies=may_be_found,
              order=lambda row, snapshot: int(worst(row, snapshot))),
        command,
        Field("finding", "FINDING/COMMAND", 0, "text", lambda row, snapshot: _ids(found(row, snapshot)),
              "Names of what is wrong with it, see docs/findings.md; tables show the worst in words, or "
              f"{command_of} if there is none; rows sort by severity, then by {then_by}.",
              text=lambda row, snapshot: _worst_briefly(found(row, snapshot)),
              applies=may_be_found, otherwise=command, roomy=FINDING_CELLS,
              ranked=True,
              order=lambda row, snapshot: (worst(row, snapshot) << 64) + order(row, snapshot),
              in_json=False, severity=lambda row, snapshot: ALARMS.get(worst(row, snapshot))),
    )  # fmt: skip


def _ids(found: Sequence[Finding]) -> str | None:
    """For filters; None: there is none."""
    return " ".join(dict.fromkeys(finding.id for finding in found)) or None


def _worst_briefly(found: Sequence[Finding]) -> str:
    """In a few words, and how many more; ? if none is known."""
    if not found:
        return UNKNOWN
    first, *more = found
    return f"{brief(first)} +{len(more)}" if more else brief(first)
