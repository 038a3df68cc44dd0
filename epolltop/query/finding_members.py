"""The members of a finding in a snapshot file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from epolltop.findings.words import cause, fix, sentence
from epolltop.model.finding import SEVERITIES, Finding
from epolltop.model.instance_key import instance_id
from epolltop.model.process import NS_PER_TICK
from epolltop.model.snapshot import Snapshot
from epolltop.query.creation import INSTANCE_ID
from epolltop.query.instant import utc
from epolltop.query.member import Member, Row, Structure, same, within

SUBJECT: Structure[Finding] = Structure("subject", (
    Member("pid", "integer", "Process id.", lambda row, _: row.about.process.pid, known=True),
    Member("started_at", "time", "When that process started.",
           lambda row, snapshot: utc(row.about.process.start * NS_PER_TICK, snapshot)),
    Member("instance", "text", "Id of the instance, if it is about one, or about a loop or watch of it.",
           lambda row, _: instance_id(row.about.instance_key) if row.about.file else None, optional=True,
           known=True, pattern=INSTANCE_ID),
    Member("tid", "integer", "Thread of the loop, if it is about one.", lambda row, _: row.about.tid or None),
    Member("fd", "integer", "Descriptor of the watch, if it is about one.", lambda row, _: row.about.fd),
))  # fmt: skip
FINDING: Structure[Finding] = Structure("finding", (
    same("id", "text", "Name of the rule. Its meaning never changes; later versions may add others.", known=True),
    Member("severity", "text", "How bad it is.", lambda row, _: row.severity.word, known=True,
           choices=tuple(SEVERITIES)),
    Member("since", "time", "When its evidence began.", lambda row, snapshot: utc(row.since_ns, snapshot), known=True),
    same("is_older", "truth", "`true`: it was so when the observation began, so it began before `since`.", known=True),
    Member("until", "time", "When it ended; `null`: it is open.", lambda row, snapshot: utc(row.until_ns, snapshot)),
    within("subject", SUBJECT, "What it is about.", lambda row, _: row),
    same("who", "text", "The same for people.", known=True),
    Member("evidence", "evidence", "Numbers and names of the last window that showed it; see findings.md.",
           lambda row, _: row.facts, known=True),
    same("worst", "number", "The highest that the first number of the evidence was.", signed=True),
    Member("text", "text", "What is seen.", lambda row, _: sentence(row), known=True),
    Member("cause", "text", "What usually causes it.", lambda row, _: cause(row), known=True),
    Member("fix", "text", "What usually mends it.", lambda row, _: fix(row), known=True),
    same("certain", "truth", "Whether nothing else explains the evidence.", known=True),
))  # fmt: skip

THRESHOLD: Structure[tuple[str, float]] = Structure("threshold", (
    Member("name", "text", "Its name; findings.md lists all.", lambda row, _: row[0], known=True),
    Member("value", "number", "In the unit that the end of the name tells.", lambda row, _: row[1], known=True),
))  # fmt: skip


def findings_of(name: str, help: str, get: Callable[[Row, Snapshot], Iterable[Finding]], **shape: Any) -> Member[Row]:
    """A list of findings; unknown if rules were not applied."""

    def written(row: Row, snapshot: Snapshot) -> Any:
        if snapshot.judged_s is None:
            return None
        return [FINDING.written(finding, snapshot) for finding in get(row, snapshot)]

    return Member(name, FINDING, help, written, many=True, young=True, **shape)


def thresholds_of(name: str, help: str, **shape: Any) -> Member[Any]:
    """A list of those that were changed; unknown if that is not known."""

    def written(_: object, snapshot: Snapshot) -> Any:
        changed = snapshot.thresholds
        return None if changed is None else [THRESHOLD.written(each, snapshot) for each in sorted(changed.items())]

    return Member(name, THRESHOLD, help, written, many=True, young=True, **shape)
