"""The fields of a finding. To add a column, add it here: all that shows, sorts, filters or exports rows reads it.

The field that takes the rest of the line comes last.
"""

from __future__ import annotations

from epolltop.findings.words import cause, fix, sentence
from epolltop.model.finding import Finding
from epolltop.model.snapshot import Snapshot
from epolltop.query.field import Field
from epolltop.query.finding_columns import ALARMS, FINDING_CELLS
from epolltop.query.instant import local


def _since(row: Finding, snapshot: Snapshot) -> str:
    told = local(row.since_ns, snapshot).partition(".")[0]
    return f"before {told}" if row.is_older else told


FINDING_FIELDS: tuple[Field[Finding], ...] = (
    Field("severity", "SEVERITY", 9, "text", lambda row, _: row.severity.word,
          "How bad it is: critical, warn or info; rows sort by that, those that have ended last.",
          ranked=True,
          order=lambda row, _: row.severity + (0 if row.until_ns else 10), in_json=False,
          severity=lambda row, _: None if row.until_ns else ALARMS.get(row.severity)),
    Field("finding", "FINDING", 15, "text", lambda row, _: row.id,
          "Name of the rule that found it; docs/findings.md has a page of each.", aliases=("id",), in_json=False),
    Field("who", "WHO", 17, "text", lambda row, _: row.who,
          "The process and, of a loop or instance, its thread and descriptor.", in_json=False),
    Field("since", "SINCE", 15, "text", lambda row, snapshot: local(row.since_ns, snapshot),
          "When its evidence began; it may be older than the observation.", text=_since, spare=2, in_json=False),
    Field("for_s", "FOR", 7, "seconds", lambda row, snapshot: row.for_s(snapshot.now_ns),
          "How long it has been so, or was, in seconds.", spare=1, in_json=False),
    Field("state", "STATE", 5, "text", lambda row, _: "open" if row.until_ns is None else "ended",
          "open, or ended; tables have the column only if one has ended.", in_json=False,
          worth=lambda snapshot: bool(snapshot.ended_findings)),
    Field("pid", "PID", 7, "id", lambda row, _: row.about.process.pid, "Process id.", shown=False, in_json=False),
    Field("certain", "SURE", 5, "text", lambda row, _: row.certain,
          "Whether nothing else explains the evidence: yes or no.", shown=False, in_json=False),
    Field("cause", "CAUSE", 40, "text", lambda row, _: cause(row), "What usually causes it.", shown=False,
          in_json=False),
    Field("fix", "FIX", 40, "text", lambda row, _: fix(row), "What usually mends it.", shown=False, in_json=False),
    Field("evidence", "EVIDENCE", 0, "text", lambda row, _: sentence(row), "What is seen.", in_json=False,
          roomy=FINDING_CELLS),
)  # fmt: skip
