"""The command explain: each rule of findings applied to one process, with the numbers that it compares."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from epolltop.findings.evaluation import Compared
from epolltop.findings.explanation import Explained, alone_in, explained, explained_row
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.findings.words import readable, sentence
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.output.parts import Parts, Write
from epolltop.output.report import WIDTH
from epolltop.query.finding_members import FINDING
from epolltop.query.finding_rule import THRESHOLDS_DOUBT
from epolltop.query.headline import notes
from epolltop.query.instant import local
from epolltop.query.verdict import verdict
from epolltop.session.timeline import Timeline
from epolltop.text.cells import fit, wrapped
from epolltop.text.glyphs import in_ascii
from epolltop.text.numbers import duration, timestamp

_SCHEMA = "epolltop.explanation/1"
NO_PROCESS, SETTINGS_REFUSED = 1, 2
"""Exit codes: there is no process to explain; a snapshot file cannot be judged by other settings."""


async def run_explain(
    timeline: Timeline,
    pid: int,
    write: Write,
    *,
    say: Callable[[str], object],
    settings: Settings,
    seconds: float,
    json: bool,
    ascii_only: bool,
    width: int = WIDTH,
) -> int:
    """Observes, then writes every rule with its verdict.

    Args:
        timeline: of all processes, since some rules are about several.
        pid: of the process, which was asked for.
        write: takes the text.
        say: takes the sentence why nothing can be explained.
        settings: of the rules.
        seconds: how long to observe, at most until it ends; of a replay, recorded ones.
        json: write one JSON object.
        ascii_only: use no other characters.
        width: columns of text.

    Returns:
        The exit code.
    """
    first = await timeline.open()
    playback = timeline.playback
    if playback and playback.is_snapshot and settings != DEFAULTS:
        say(
            f"{playback.name} is a snapshot, and was judged when it was taken: "
            "--finding, --allow and --raise change only how a recording is judged"
        )
        return SETTINGS_REFUSED
    before, now, is_end = await timeline.last_look(pid, seconds)
    row = explained_row(now, pid)
    if row is None or (playback is None and is_end and not now.window_s):
        say(
            f"there is no process {pid} in {playback.name}"
            if playback
            else f"process {pid} ended before it could be judged"
        )
        return NO_PROCESS
    in_force = replace(settings, thresholds=now.thresholds or {})  # a snapshot file has its own
    rules = explained(row, now, before if before.now_ns < now.now_ns else None, in_force)
    alone = alone_in(now, row)
    if json:
        written = _document(alone, rules, has_ended=is_end or row.ended)
        write((jsonlib.dumps(written, ensure_ascii=ascii_only), "\n"))
        return 0
    into = f"{duration((now.now_ns - first.now_ns) / 1e9)} into the {'recording' if playback else 'observation'}"
    end = _end(alone, row, into if is_end else None)
    lines = (part for line in _lines(alone, row, end, rules) for part in wrapped(line, width) or [""])
    write(f"{in_ascii(line) if ascii_only else line}\n" for line in lines)
    return 0


def _end(now: Snapshot, row: ProcessRow, into: str | None) -> str:
    """When it ended; empty if it did not."""
    if into is not None:
        return f"it ended after {timestamp(now.wall_ns)}, {into}: all here is as of then"
    return f"it had ended by {timestamp(now.wall_ns)}: what it was like before is not known" if row.ended else ""


def _lines(now: Snapshot, row: ProcessRow, end: str, rules: list[Explained]) -> Parts:
    if not (now.processes or any(each.findings for each in rules)):
        yield from (line for line in (end, *notes(now)) if line)
        return
    yield f"{row.name} {row.pid}, observed for {duration(now.observed_s)}: {verdict(now)}"
    if end:
        yield end
    yield _span(now)
    if now.thresholds is None:
        yield f"note: {THRESHOLDS_DOUBT}"
    yield from (f"note: {note}" for note in notes(now))
    for each in sorted(rules, key=lambda each: _ORDER.index(each.verdict)):
        yield ""
        yield from _rule(each, now)


def _span(now: Snapshot) -> str:
    """Of which time the values are."""
    if not now.window_s:
        return f"values: as of {timestamp(now.wall_ns)} alone, without rates"
    begin, end = timestamp(now.wall_of(now.begin_ns)), timestamp(now.wall_ns)
    return f"values: over {duration(now.window_s)}, from {begin} to {end}; of what is FOUND those that showed it last"


_ORDER = ("found", "ended", "holds", "unknown", "no", "nothing to judge", "allowed")
_WORDS = {
    "found": "FOUND",
    "ended": "no longer",
    "holds": "holds, but not for long enough, or another rule of its family was found",
    "unknown": "cannot be judged here",
    "no": "no",
    "nothing to judge": "no: it has none of these",
    "allowed": "not looked for (--allow)",
}


def _rule(each: Explained, now: Snapshot) -> Iterator[str]:
    who = f" ({each.who})" if each.who else ""
    if each.verdict == "found":
        beside = f", the worst of {len(each.findings)}" if len(each.findings) > 1 else ""
    else:
        beside = f", the nearest of {each.cases}" if each.cases > 1 else ""
    yield f"{each.rule.id}: {_WORDS[each.verdict]}{who}{beside}"
    if each.verdict == "ended":
        last = each.findings[0]
        assert last.until_ns is not None
        since = f"{'before ' if last.is_older else ''}{local(last.since_ns, now)}"
        yield f"  it was so from {since} to {local(last.until_ns, now)}: {sentence(last)}"
    for compared in each.compared:
        yield "  " + "  ".join(part for part in _cells(compared) if part)


def _cells(compared: Compared) -> tuple[str, str, str, str]:
    measure = compared.condition.value
    value = readable(measure, compared.value)
    if compared.threshold is None:
        wanted = ""
    else:
        sign = "≥" if compared.condition.at_least else "≤"
        wanted = f"{sign} {readable(measure, compared.threshold)}"
    holds = {True: "yes", False: "no", None: "not known"}[compared.holds]
    return fit(measure.name, 20), fit(value, 24), fit(wanted, 12), holds


def _document(now: Snapshot, rules: list[Explained], *, has_ended: bool) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "as_of": timestamp(now.wall_ns, utc=True),
        "ended": has_ended,
        "thresholds_known": now.thresholds is not None,
        "observed_s": round(now.observed_s, 6),
        "window_s": round(now.window_s, 6),
        "judged_s": None if now.judged_s is None else round(now.judged_s, 6),
        "findings": [FINDING.written(finding, now) for finding in now.findings],
        "ended_findings": [FINDING.written(finding, now) for finding in reversed(now.ended_findings)],
        "rules": [_written(each) for each in rules],
    }


def _written(each: Explained) -> dict[str, Any]:
    return {
        "id": each.rule.id,
        "verdict": each.verdict,
        "who": each.who,
        "cases": each.cases,
        "conditions": [
            {
                "name": compared.condition.value.name,
                "value": compared.value,
                "at_least": compared.threshold if compared.condition.at_least else None,
                "at_most": compared.threshold if compared.condition.at_most else None,
                "holds": compared.holds,
            }
            for compared in each.compared
        ],
    }
