"""What cannot be seen: each id has words, a page, and survives a file and a recording."""

from __future__ import annotations

import errno
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from epolltop.errors import SourceUnavailable
from epolltop.model import limits
from epolltop.model.holding import Unlisted
from epolltop.model.limits import DERIVED, Limit
from epolltop.output.document import snapshot_document
from epolltop.output.jsontext import gathered
from epolltop.output.report import Report
from epolltop.query.derived_limits import limits_of, limits_of_machine
from epolltop.query.headline import notes
from epolltop.query.limit_catalogue import CATALOGUE, remedy, severity, words
from epolltop.query.view import PROCESSES, View
from tests.support.rows import process_row, snapshot

PAGE = Path(__file__).parents[2] / "docs" / "snapshot.md"
IDS = {value for name, value in vars(limits).items() if name.isupper() and isinstance(value, str)}
BLIND = replace(
    snapshot().source,
    limits=(Limit(limits.NO_KCMP), Limit.of(limits.ONLY_PROC, why="no BTF", remedy="another kernel")),
    unreadable=3,
    sees_compat=False,
    missed=2,
)


def test_each_id_has_an_entry_and_a_line_of_the_page() -> None:
    assert CATALOGUE.keys() == IDS
    told, derived = PAGE.read_text().split("## Limits")[1].split("\n## ")[0].split("| id |")[1:]
    lines = [re.findall(r"^\| `(\w+)` \|", group, re.MULTILINE) for group in (told, derived)]
    assert ({*lines[0]}, {*lines[1]}) == (IDS - DERIVED, {*DERIVED})
    assert len(lines[0]) + len(lines[1]) == len(IDS)


@pytest.mark.parametrize("which", sorted(IDS))
def test_words_need_no_evidence(which: str) -> None:
    """A file may hold anything."""
    for evidence in ((), tuple((name, value) for name in ("pid", "ticks", "why") for value in ("x", -1.5))):
        assert isinstance(words(Limit(which, evidence)), str)


def test_an_id_of_tomorrow_is_shown_as_it_is() -> None:
    unknown = Limit.of("of_tomorrow", threads=7, who="nginx")
    assert (words(unknown), severity(unknown), remedy(unknown)) == ("of_tomorrow threads=7 who=nginx", "warn", "")


def test_each_cause_of_a_refusal_has_a_line_of_the_page() -> None:
    package = Path(__file__).parents[2] / "epolltop"
    raised = {cause for path in package.rglob("*.py") for cause in re.findall(r'cause="(\w+)"', path.read_text())}
    required = {"privileges", "lockdown", "btf"}  # requirements give their name
    _, _, table = PAGE.read_text(encoding="utf-8").partition("| cause | ")
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == raised | required


def test_the_evidence_of_a_refusal_is_what_is_known_of_it() -> None:
    known = SourceUnavailable("no room", "more", cause="perf_buffer", number=errno.ENOMEM).evidence
    assert known == {"why": "no room", "remedy": "more", "cause": "perf_buffer", "errno": "ENOMEM"}
    assert SourceUnavailable("no room", "more").evidence == {"why": "no room", "remedy": "more"}
    assert words(Limit.of(limits.ONLY_PROC, **known)) == "only /proc is read, since no room; remedy: more"


def test_a_sentence_of_an_earlier_epolltop_stays_as_it_was() -> None:
    for which in (limits.TOLD, limits.ONLY_PROC):
        assert words(Limit.told("it sees nothing", which)) == "it sees nothing"


def test_what_the_screen_says_can_be_counted_and_filtered() -> None:
    seen = replace(snapshot(process_row(compat=True), process_row(43, compat=True)), source=BLIND, unseen=4)
    document = gathered(snapshot_document(Report(seen, View(PROCESSES), seen.processes)))
    told = document["limits"]
    assert [limit["id"] for limit in told] == [limit.id for limit in limits_of(seen)]
    assert len(told) == len(notes(seen)) == 6
    assert Counter(limit["severity"] for limit in told) == {"warn": 6}
    assert {limit["id"]: limit["evidence"] for limit in told} == {
        "missed": {"runs": 2},
        "compat_uncounted": {"processes": 2},
        "creations_unseen": {"instances": 4, "compat": 1},
        "only_proc": {"why": "no BTF", "remedy": "another kernel"},
        "unreadable": {"processes": 3},
        "no_kcmp": {},
    }
    assert [limit["remedy"] for limit in told if limit["id"] in ("only_proc", "compat_uncounted")] == [
        "--compat",
        "another kernel",
    ]


def test_screen_and_doctor_say_the_same_of_32_bit_programs() -> None:
    seen = replace(snapshot(process_row(compat=True)), source=replace(snapshot().source, sees_compat=False))
    (note,) = notes(seen)
    (limit,) = limits_of_machine(seen.source, 1, Unlisted(0, 0, 0, True))
    assert words(limit) == note == "creations by 1 32-bit process are not counted (≥, ?) without --compat"
    (none,) = limits_of_machine(seen.source, 0, Unlisted(0, 0, 0, True))
    assert words(none) == "creations by 32-bit calls are not counted (≥, ?) without --compat"
