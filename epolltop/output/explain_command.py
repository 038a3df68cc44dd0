"""The command explain: each rule of findings applied to one process, with the numbers that it compares."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from epolltop.findings.evaluation import Compared
from epolltop.findings.explanation import Explained, explained
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.findings.words import readable
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.output.parts import Parts, Write
from epolltop.output.report import WIDTH
from epolltop.query.finding_members import FINDING
from epolltop.query.finding_rule import THRESHOLDS_DOUBT
from epolltop.query.headline import notes
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
        timeline: of one process.
        write: takes the text.
        say: takes the sentence why nothing can be explained.
        settings: of the rules.
        seconds: how long to observe; of a replay, recorded ones.
        json: write one JSON object.
        ascii_only: use no other characters.
        width: columns of text.

    Returns:
        The exit code.
    """
    before = await timeline.open()
    playback = timeline.playback
    if playback and playback.is_snapshot and settings != DEFAULTS:
        say(
            f"{playback.name} is a snapshot, and was judged when it was taken: "
            "--finding, --allow and --raise change only how a recording is judged"
        )
        return SETTINGS_REFUSED
    lived = None
    if playback:
        lived = await playback.observe_life(seconds)
    else:
        async for _ in timeline.observe(seconds):
            pass
    await timeline.look_at_all(watches=True)
    end = await timeline.now()
    lived = None if _is_alive(end) else lived
    now = lived or end
    if now.absent:
        file = f" in {playback.name}" if playback else ""
        ended = bool(playback is None and not before.absent)
        say(f"process {now.absent[0]} ended" if ended else f"there is no process {now.absent[0]}{file}")
        return NO_PROCESS
    in_force = replace(settings, thresholds=now.thresholds or {})  # a snapshot file has its own
    rules = explained(now, before if before.now_ns < now.now_ns else None, in_force)
    if json:
        write((jsonlib.dumps(_document(now, rules, is_last=lived is not None), ensure_ascii=ascii_only), "\n"))
        return 0
    end_of_it = _end(now, before, is_last=lived is not None)
    lines = (part for line in _lines(now, end_of_it, rules) for part in wrapped(line, width) or [""])
    write(f"{in_ascii(line) if ascii_only else line}\n" for line in lines)
    return 0


def _is_alive(now: Snapshot) -> bool:
    return bool(now.without_instance) or any(not row.ended for row in now.processes)


def _row_of(now: Snapshot) -> ProcessRow:
    """The living process, if others had its pid before."""
    return min(now.processes, key=lambda row: row.ended)


def _end(now: Snapshot, before: Snapshot, *, is_last: bool) -> str:
    """When it ended; empty if it did not."""
    if is_last:
        into = duration((now.now_ns - before.now_ns) / 1e9)
        return f"it ended after {timestamp(now.wall_ns)}, {into} into the recording: all here is as of then"
    if _is_alive(now):
        return ""
    return f"it had ended by {timestamp(now.wall_ns)}: what it was like before is not known"


def _lines(now: Snapshot, end: str, rules: list[Explained]) -> Parts:
    if not now.processes:
        yield from (line for line in (end, *notes(now)) if line)
        return
    row = _row_of(now)
    yield f"{row.name} {row.pid}, observed for {duration(now.window_s)}: {verdict(now)}"
    if end:
        yield end
    if now.thresholds is None:
        yield f"note: {THRESHOLDS_DOUBT}"
    yield from (f"note: {note}" for note in notes(now))
    for each in sorted(rules, key=lambda each: _ORDER.index(each.verdict)):
        yield ""
        yield from _rule(each)


_ORDER = ("found", "holds", "unknown", "no", "nothing to judge", "allowed")
_WORDS = {
    "found": "FOUND",
    "holds": "holds, but not for long enough, or another rule of its family was found",
    "unknown": "cannot be judged here",
    "no": "no",
    "nothing to judge": "no: it has none of these",
    "allowed": "not looked for (--allow)",
}


def _rule(each: Explained) -> Iterator[str]:
    who = f" ({each.nearest.case.who})" if each.nearest else ""
    beside = f", the nearest of {each.cases}" if each.cases > 1 else ""
    yield f"{each.rule.id}: {_WORDS[each.verdict]}{who}{beside}"
    for compared in each.nearest.compared if each.nearest else ():
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


def _document(now: Snapshot, rules: list[Explained], *, is_last: bool) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "as_of": timestamp(now.wall_ns, utc=True),
        "ended": is_last or not _is_alive(now),
        "thresholds_known": now.thresholds is not None,
        "observed_s": round(now.window_s, 6),
        "findings": [FINDING.written(finding, now) for finding in now.findings],
        "rules": [_written(each) for each in rules],
    }


def _written(each: Explained) -> dict[str, Any]:
    return {
        "id": each.rule.id,
        "verdict": each.verdict,
        "who": each.nearest.case.who if each.nearest else None,
        "cases": each.cases,
        "conditions": [
            {
                "name": compared.condition.value.name,
                "value": compared.value,
                "at_least": compared.threshold if compared.condition.at_least else None,
                "at_most": compared.threshold if compared.condition.at_most else None,
                "holds": compared.holds,
            }
            for compared in (each.nearest.compared if each.nearest else ())
        ],
    }
