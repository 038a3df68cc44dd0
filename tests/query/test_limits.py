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
from epolltop.model.bounds import NOTE_CHARS_MAX
from epolltop.model.holding import Unlisted
from epolltop.model.limits import DERIVED, Limit
from epolltop.model.source import Probe
from epolltop.model.thread_waits import ThreadWaits
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
    limits=(Limit(limits.NO_KCMP), Limit.of(limits.ONLY_PROC, cause="lockdown", state="confidentiality")),
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


def test_a_refusal_in_words_of_an_earlier_epolltop_stays_as_it_was() -> None:
    only_proc = Limit.of(limits.ONLY_PROC, why="no BTF", remedy="another kernel")
    assert words(only_proc) == "only /proc is read, since no BTF; remedy: another kernel"
    assert remedy(only_proc) == "another kernel"
    assert words(Limit.of(limits.NO_STACKS, why="no room")) == "no stacks of creations: no room"
    untraced = "epoll_wait is not traced, so its counts are not known"
    assert words(Limit.of(limits.UNTRACED, probe="epoll_wait", why="fentry: no")) == f"{untraced}: fentry: no"


def test_a_probe_that_is_not_traced_names_the_hooks_that_failed() -> None:
    untraced = "epoll_wait is not traced, so its counts are not known"
    refused = "fentry:do_epoll_wait=EPERM tracepoint:a:b=unproven"
    assert words(Limit.of(limits.UNTRACED, probe="epoll_wait", refused=refused)) == (
        f"{untraced}: fentry:do_epoll_wait: Operation not permitted; "
        "tracepoint:a:b: attached, but it did not see an instance of epolltop's own"
    )
    assert words(Limit.of(limits.UNTRACED, probe="epoll_wait", refused="")) == untraced


def test_a_limit_of_a_refusal_has_its_evidence_on_one_line_that_fits() -> None:
    long = SourceUnavailable("programs", {"said": "error:\n\x1b[1m " + "x" * 5000, "call": "bpf"}, number=errno.EPERM)
    limit = Limit.of_refusal(limits.NO_STACKS, long)
    assert {name: text for name, text in limit.evidence if name != "said"} == {
        "cause": "programs", "errno": "EPERM", "call": "bpf"
    }  # fmt: skip
    assert len(limit.text("said")) == NOTE_CHARS_MAX
    assert limit.text("said").isprintable()
    assert words(limit).startswith("no stacks of creations: the BPF programs do not compile or load here: error: ")
    assert "lock memory" in remedy(limit)


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
        "only_proc": {"cause": "lockdown", "state": "confidentiality"},
        "unreadable": {"processes": 3},
        "no_kcmp": {},
    }
    assert [limit["remedy"] for limit in told if limit["id"] in ("only_proc", "compat_uncounted")] == [
        "--compat",
        "boot without lockdown=confidentiality",
    ]


def test_who_was_asked_for_and_has_no_instance_is_told_with_where_it_waits() -> None:
    rows = [process_row(pid, name="ring", thread_waits=ThreadWaits(io_uring=2)) for pid in range(1, 12)]
    rows[1:3] = [process_row(2, name="idle", thread_waits=ThreadWaits()), process_row(3, name="dark")]
    told = limits_of(replace(snapshot(), without_instance=tuple(rows)))
    assert [words(limit) for limit in told[:3]] == [
        "ring (1) has no epoll instance; it waits in io_uring (2 threads)",
        "idle (2) has no epoll instance, and waits neither in poll nor in select nor in io_uring",
        "dark (3) has no epoll instance",
    ]
    assert len(told) == 9
    assert words(told[-1]) == "3 more processes without an epoll instance"


def test_runs_that_the_kernel_skipped_are_told_for_each_probe() -> None:
    both = [
        Limit.of(limits.PROBE_MISSED, probe=name, runs=runs) for name, runs in (("files_free", 2), ("epoll_ctl", 7))
    ]
    for missed, of_unknown_probe in ((2, []), (5, [Limit.of(limits.MISSED, runs=3)])):
        seen = replace(snapshot(), source=replace(snapshot().source, missed=missed, limits=tuple(both)))
        assert list(limits_of(seen)) == [*of_unknown_probe, *both]
    assert words(both[0]) == "the kernel skipped 2 runs of files_free: its counts may lack as many calls (≥)"
    told = (
        "this kernel may preempt epolltop while it reads counts, and then skips {}: some calls may be missing in the "
        "counts"
    )
    assert words(Limit.of(limits.PREEMPTED, probe="epoll_wait")) == told.format("epoll_wait")
    assert words(Limit(limits.PREEMPTED)) == told.format("probes"), "of an earlier epolltop"


def test_screen_and_doctor_say_the_same_of_32_bit_programs() -> None:
    seen = replace(snapshot(process_row(compat=True)), source=replace(snapshot().source, sees_compat=False))
    (note,) = notes(seen)
    (limit,) = limits_of_machine(seen.source, 1, Unlisted(0, 0, 0, True))
    assert words(limit) == note == "creations by 1 32-bit process are not counted (≥, ?) without --compat"
    (none,) = limits_of_machine(seen.source, 0, Unlisted(0, 0, 0, True))
    assert words(none) == "creations by 32-bit calls are not counted (≥, ?) without --compat"


@pytest.mark.parametrize(
    ("sees_waits", "sees_run_queues", "told"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_where_waits_for_a_cpu_are_not_known_it_is_told_what_is_not_found(
    sees_waits: bool, sees_run_queues: bool, told: bool
) -> None:
    probes = (*snapshot().source.probes, Probe("epoll_wait", "here", sees_waits))
    source = replace(snapshot().source, probes=probes, sees_run_queues=sees_run_queues)
    expected = [Limit(limits.RUN_QUEUES_UNSEEN)] * told
    assert [*limits_of(replace(snapshot(), source=source))] == expected
    assert [*limits_of_machine(source, 0, Unlisted(0, 0, 0, True))] == expected
