"""Findings on the command line: thresholds, exit codes, lines of events, and why."""

from __future__ import annotations

import csv
import io
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from epolltop.findings.families import RULES, THRESHOLDS
from epolltop.model.batch import Batch
from epolltop.model.counts import Counts, Totals
from epolltop.model.process import ProcessKey
from epolltop.query.finding_rule import THRESHOLDS_DOUBT
from tests.support.recordings import write
from tests.support.records import SECOND_NS, P, Q, batch, census, holding, process
from tests.waiting import PATIENCE_S, eventually
from tests.workloads import with_defect
from tests.workloads.with_defect import defect

from .observation import has_probes
from .program import ROOT, run, sources, started
from .test_signals import observes

NAME = Path(sys.executable).name[:15]
"""Of the programs."""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--finding", "blocked.away=3"), "no threshold 'blocked.away', did you mean blocked.away_ms"),
        (("--finding", "blocked.away_ms=soon"), "'soon' is not blocked.away_ms=NUMBER"),
        (("--finding", "blocked.away_ms=-1"), "is not blocked.away_ms=NUMBER"),
        (("-A", "blocked"), "no finding 'blocked', did you mean blocked-loop"),
        (("-W", ""), "no finding ''"),
        (("snapshot", "--fail-on", "bad"), "'bad' is none of info, warn, critical"),
        (("explain",), "the following arguments are required: PID"),
        (("explain", "zero"), "'zero' is not a positive whole number"),
        (("replay", "file", "explain"), "the following arguments are required: PID"),
        (("replay", "file", "explain", "--json"), "the following arguments are required: PID"),
        (("replay", "file", "explain", "--json", "zero"), "argument PID: 'zero' is not a positive whole number"),
        (("replay", "file", "explain", "42", "43"), "unrecognized arguments: 43"),
        (("replay", "file", "explain", "--jsn", "42"), "unrecognized arguments: --jsn;"),
        (("replay", "file", "explain", "--jsn"), "unrecognized arguments: --jsn;"),
        (("replay", "file", "explain", "--jsn", "zero"), "argument PID: 'zero' is not a positive whole number"),
        (("replay", "file", "snapshot", "42"), "unrecognized arguments: 42"),
        (("replay", "file", "explain", "42", "-o", "other"), "go with snapshot, not with explain"),
    ],
)
def test_a_mistake_is_named(arguments: tuple[str, ...], said: str) -> None:
    ran = run(*arguments)
    assert ran.returncode == 2
    assert said in ran.stderr


def test_there_is_no_such_process() -> None:
    ran = run("explain", "999999999")
    assert (ran.returncode, ran.stderr) == (1, "epolltop: there is no process 999999999\n")


@pytest.mark.kernel
def test_a_script_fails_on_a_finding_that_is_grave_enough(tmp_path: Path) -> None:
    """A file is near its limit from the first look on; 61 of 64 descriptors are critical."""
    with defect("near-fd-limit") as program:
        pid, codes = str(program["pid"]), {}
        for severity in ("info", "warn", "critical"):
            file = tmp_path / severity
            ran = run("snapshot", "-d", "1", "-p", pid, "--fail-on", severity, "-o", str(file))
            codes[severity] = ran.returncode
            found = json.loads(file.read_text())["findings"]
            assert "near-fd-limit" in [finding["id"] for finding in found]
        allowed = run("snapshot", "-d", "1", "-p", pid, "--fail-on", "critical", "-A", "near-fd-limit", "-o", str(file))
    assert codes == {"info": 4, "warn": 4, "critical": 4}
    assert allowed.returncode == 0


@pytest.mark.kernel
def test_explain_says_why_it_is_found_and_why_others_are_not() -> None:
    with defect("near-fd-limit") as program:
        ran = run("explain", "-d", "2", str(program["pid"]))
        document = json.loads(run("explain", "-d", "2", "--json", str(program["pid"])).stdout)
    blocks = ran.stdout.split("\n\n")
    assert blocks[1].startswith(f"near-fd-limit: FOUND ({NAME} {program['pid']})\n  fd_share"), ran.stdout
    assert "≥ 80%" in blocks[1]
    verdicts = {rule["id"]: rule["verdict"] for rule in document["rules"]}
    assert set(verdicts) == set(RULES)
    assert verdicts["near-fd-limit"] == "found"
    assert "found" not in {verdicts[each] for each in verdicts if each.startswith("spin-")}
    (condition,) = (rule["conditions"][0] for rule in document["rules"] if rule["id"] == "near-fd-limit")
    assert condition["holds"] is True
    assert condition["at_least"] == 0.8
    assert condition["value"] > 0.9


OBSERVED_S = 5.0
"""Enough for evidence that has to last for two seconds, and for a late poll."""


@pytest.mark.kernel
def test_a_process_that_ends_meanwhile_is_explained_up_to_its_end() -> None:
    with with_defect.started("blocked-loop-sleeping") as process:
        pid = with_defect.told_by(process)["pid"]
        with started("explain", "-d", "60", "--json", str(pid)) as program:
            eventually(lambda: has_probes(program.pid))
            time.sleep(OBSERVED_S)
            process.kill()
            written, said = program.communicate(timeout=PATIENCE_S)
    assert (program.returncode, said) == (0, "")
    document = json.loads(written)
    verdicts = {rule["id"]: rule["verdict"] for rule in document["rules"]}
    assert (document["ended"], verdicts["blocked-loop"]) == (True, "found")
    assert 2 < document["window_s"] < 60


@sources
@pytest.mark.parametrize("reaped", [True, False])
def test_of_a_process_that_ends_too_soon_it_is_said(source: tuple[str, ...], reaped: bool) -> None:
    with (
        subprocess.Popen(["sleep", "60"]) as process,
        started(*source, "explain", "-d", "60", str(process.pid)) as program,
    ):
        eventually(lambda: observes(program.pid))
        process.kill()
        if reaped:
            process.wait()
        written, said = program.communicate(timeout=PATIENCE_S)
    assert (program.returncode, written) == (1, "")
    assert said == f"epolltop: process {process.pid} ended before it could be judged\n"


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("away_s", "option"),
    [("0.09", ("--finding", "blocked.away_ms=40")), ("0.2", ("--blocked-stacks", "1000"))],
)
def test_what_blocks_a_loop_is_known_from_the_threshold_on(away_s: str, option: tuple[str, str]) -> None:
    command = [sys.executable, str(ROOT / "tests" / "workloads" / "late_in_turn.py"), away_s]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
        try:
            found = json.loads(run("snapshot", "-d", "8", "-p", str(program.pid), *option).stdout)["findings"]
        finally:
            program.kill()
    (evidence,) = (each["evidence"] for each in found if each["id"] == "blocked-loop")
    assert (evidence["what"], evidence["doing"]) == ("sleeps in clock_nanosleep", "blocked")


@pytest.mark.kernel
def test_events_tell_when_a_finding_opens() -> None:
    with defect("near-fd-limit") as program:
        arguments = ("events", "--findings", "-d", "3", "-p", str(program["pid"]))
        lines = run(*arguments).stdout.splitlines()
        objects = [json.loads(line) for line in run(*arguments, "--json").stdout.splitlines()]
    opened = [line for line in lines if " opened critical near-fd-limit " in line]
    assert len(opened) == 1, lines
    changes = [(each["change"], each["id"]) for each in objects if "change" in each]
    assert ("opened", "near-fd-limit") in changes


@pytest.mark.kernel
def test_a_replay_finds_the_same(tmp_path: Path) -> None:
    file = str(tmp_path / "recorded")
    with (
        defect("near-fd-limit") as program,
        defect("blocked-loop") as blocked,
        defect("shared-after-fork") as shared,
    ):
        ran = run("record", file, "-d", "8")
        assert ran.returncode == 0, ran.stderr
    told = [run("replay", file, "snapshot", "--view", "findings", "--format", "csv").stdout for _ in range(2)]
    assert told[0] == told[1]
    assert f"near-fd-limit,{NAME} {program['pid']}," in told[0]
    assert "blocked-loop," in told[0]
    rows = list(csv.DictReader(io.StringIO(told[0])))
    for id, pid in (
        ("near-fd-limit", program["pid"]),
        ("blocked-loop", blocked["pid"]),
        ("shared-after-fork", shared["pid"]),
    ):
        document = json.loads(run("replay", file, "explain", str(pid), "--json").stdout)
        found = {rule["id"] for rule in document["rules"] if rule["verdict"] == "found"}
        assert found == {row["finding"] for row in rows if (row["pid"], row["state"]) == (str(pid), "open")}
        assert id in found


@pytest.mark.kernel
def test_explain_heeds_other_processes_where_a_rule_is_about_several() -> None:
    with defect("shared-after-fork") as program:
        told = [
            json.loads(run("explain", "-d", "5", "--json", str(pid)).stdout)
            for pid in (program["pid"], *program["children"])
        ]
    for document in told:
        (rule,) = (rule for rule in document["rules"] if rule["id"] == "shared-after-fork")
        assert (rule["verdict"], rule["conditions"][0]["value"]) == ("found", 2)
        assert {finding["subject"]["pid"] for finding in document["findings"]} == {program["pid"]}


@pytest.fixture(name="recorded", scope="module")
def _recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A recording of a process that is near its limit of descriptors."""
    path = tmp_path_factory.mktemp("recorded") / "night.rec"
    with defect("near-fd-limit") as program:
        ran = run("--source", "proc", "record", str(path), "-d", "2")
        assert ran.returncode == 0, ran.stderr
        return path, int(program["pid"])


def explained(path: Path, pid: int, *options: str) -> dict[str, Any]:
    """The rule near-fd-limit as JSON tells it."""
    ran = run("replay", str(path), "explain", str(pid), "--json", *options)
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert {rule["id"] for rule in document["rules"]} == set(RULES)
    (rule,) = (rule for rule in document["rules"] if rule["id"] == "near-fd-limit")
    return {"window_s": document["window_s"], **rule}


def test_a_process_of_a_recording_is_explained_up_to_its_end(recorded: tuple[Path, int]) -> None:
    path, pid = recorded
    whole, first = explained(path, pid), explained(path, pid, "-d", "0.5")
    assert whole["verdict"] == first["verdict"] == "found"
    assert whole["conditions"][0]["value"] > whole["conditions"][0]["at_least"] == 0.8
    assert whole["window_s"] > first["window_s"] > 0
    text = run("replay", str(path), "--ascii", "explain", str(pid)).stdout
    assert text.startswith(f"{NAME} {pid}, observed for ")
    assert f"\n\nnear-fd-limit: FOUND ({NAME} {pid})\n  fd_share" in text


def test_it_is_explained_by_other_thresholds(recorded: tuple[Path, int]) -> None:
    told = explained(*recorded, "--finding", "limit.fd_percent=99")
    assert (told["verdict"], told["conditions"][0]["at_least"]) == ("no", 0.99)


def test_a_snapshot_file_is_explained_by_the_thresholds_that_it_was_judged_by(
    recorded: tuple[Path, int], tmp_path: Path
) -> None:
    path, pid = recorded
    file = tmp_path / "now.json"
    assert run("replay", str(path), "snapshot", "--finding", "limit.fd_percent=60", "-o", str(file)).returncode == 0
    told = explained(file, pid)
    assert (told["verdict"], told["conditions"][0]["at_least"]) == ("found", 0.6)


SETTINGS = [("--finding", "limit.fd_percent=1"), ("-A", "near-fd-limit"), ("-W", "near-fd-limit")]


@pytest.mark.parametrize("option", SETTINGS)
def test_a_snapshot_file_is_not_judged_by_other_settings(
    recorded: tuple[Path, int], tmp_path: Path, option: tuple[str, str]
) -> None:
    path, pid = recorded
    file = tmp_path / "now.json"
    assert run("replay", str(path), "snapshot", "-o", str(file)).returncode == 0
    ran = run("replay", str(file), "explain", str(pid), *option)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "epolltop: now.json is a snapshot, and was judged when it was taken: --finding, --allow and --raise change "
        "only how a recording is judged\n"
    )


def test_thresholds_of_a_file_that_does_not_tell_them_are_in_doubt(recorded: tuple[Path, int], tmp_path: Path) -> None:
    path, pid = recorded
    file = tmp_path / "now.json"
    assert run("replay", str(path), "snapshot", "-o", str(file)).returncode == 0
    assert THRESHOLDS_DOUBT not in run("replay", str(file), "explain", str(pid)).stdout
    file.write_text(json.dumps({**json.loads(file.read_text()), "thresholds": None}))
    assert f"\nnote: {THRESHOLDS_DOUBT}\n" in run("replay", str(file), "-w", "200", "explain", str(pid)).stdout
    document = json.loads(run("replay", str(file), "explain", str(pid), "--json").stdout)
    assert document["thresholds_known"] is False


BUSY = 20_000
"""Instances a second: enough for loop-per-request, if it lasts."""


def burst(path: Path, busy_s: Sequence[bool]) -> Path:
    """A recording of a tick a second, by whether a process creates and releases instances then."""
    ticks: list[Batch] = []
    for second, done in enumerate(itertools.accumulate(busy_s), 1):
        counts = {P: Counts(BUSY * done, 0, BUSY * done)}
        totals = Totals(BUSY * done, 0, BUSY * done)
        held = census(second * SECOND_NS, holding(0xA00, P))
        ticks.append(batch(second * SECOND_NS, taken=held, counts=counts, totals=totals))
    return write(path, ticks)


def listed(path: Path, *options: str) -> dict[str, str]:
    """The findings of P by id, and their states, as the view has them."""
    table = run("replay", str(path), "-p", str(P.pid), "snapshot", "--view", "findings", "--format", "csv", *options)
    return {row["finding"]: row["state"] for row in csv.DictReader(io.StringIO(table.stdout))}


@pytest.mark.parametrize(
    ("busy_s", "at", "verdict", "per_s"),
    [
        ([False] * 60 + [True] * 6, (), "found", BUSY),
        ([False] * 60 + [True] * 6 + [False] * 6, (), "found", BUSY),
        ([True] * 30 + [False] * 30, (), "ended", 0),
        ([True] * 30 + [False] * 30, ("-d", "20"), "found", BUSY),
        ([False] * 32 + [True], (), "holds", BUSY / 7),
        ([True, *[False] * 30], (), "no", 0),
    ],
)
def test_a_recording_is_explained_by_its_last_seconds(
    tmp_path: Path, busy_s: Sequence[bool], at: tuple[str, ...], verdict: str, per_s: float
) -> None:
    """As the view of findings says; what is found has the values of the finding, also if it pauses."""
    path = burst(tmp_path / "night.rec", busy_s)
    document = json.loads(run("replay", str(path), "explain", str(P.pid), "--json", *at).stdout)
    (rule,) = (rule for rule in document["rules"] if rule["id"] == "loop-per-request")
    assert (rule["verdict"], rule["conditions"][0]["value"]) == (verdict, per_s)
    assert listed(path, *at).get("loop-per-request") == {"found": "open", "ended": "ended"}.get(verdict)
    assert 5 <= document["window_s"] < 10
    assert [each["id"] for each in document["ended_findings"]] == ["loop-per-request"] * (verdict == "ended")


def test_its_text_says_of_which_seconds_that_is(tmp_path: Path) -> None:
    path = burst(tmp_path / "night.rec", [True] * 30 + [False] * 32)
    lines = run("replay", str(path), "-w", "200", "explain", str(P.pid)).stdout.splitlines()
    assert (
        lines[1] == "values: over 6.0s, from 22:14:16.000 to 22:14:22.000; of what is FOUND those that showed it last"
    )
    at = next(number for number, line in enumerate(lines) if line.startswith("loop-per-request"))
    assert lines[at].startswith("loop-per-request: no longer (")
    assert lines[at + 1].startswith("  it was so from 22:13:26.000 to 22:13:50.000: 20,000 instances a second are ")


def night(path: Path, lives: Sequence[Sequence[ProcessKey]]) -> Path:
    """A recording of a tick a second, by who is alive; each is near its limit of descriptors, and holds an instance."""
    ticks: list[Batch] = []
    for second, alive in enumerate(lives, 1):
        held = census(second * SECOND_NS, *(holding(0xA00 + key.start, key) for key in alive))
        facts = {key: process(key, fds=1000) for key in alive}
        ticks.append(replace(batch(second * SECOND_NS, taken=held), processes=facts))
    return write(path, ticks)


@pytest.mark.parametrize("lived", [1, 3, 70])
def test_a_process_that_ended_is_explained_as_of_the_last_tick_at_which_it_lived(tmp_path: Path, lived: int) -> None:
    path = night(tmp_path / "night.rec", [*[[P, Q]] * lived, *[[Q]] * 100])
    told = explained(path, P.pid)
    assert (told["verdict"], told["conditions"][0]["value"]) == ("found", 1000 / 1024)
    ran = run("replay", str(path), "-w", "200", "explain", str(P.pid))
    into = {1: "0s", 3: "2.0s", 70: "1m09s"}[lived]
    at = f"22:{13 + (20 + lived) // 60}:{(20 + lived) % 60:02d}.000"
    assert ran.stdout.splitlines()[1] == f"it ended after {at}, {into} into the recording: all here is as of then"
    document = json.loads(run("replay", str(path), "explain", str(P.pid), "--json").stdout)
    assert (document["ended"], document["as_of"]) == (True, f"2023-11-14T{at}000Z")


def test_it_is_explained_also_from_a_pipe(tmp_path: Path) -> None:
    path = night(tmp_path / "night.rec", [[P, Q], [P, Q], [Q]])
    with path.open("rb") as file:
        ran = run("replay", "-", "explain", str(P.pid), stdin=file)
    assert "it ended after 22:13:22.000, 1.0s into the recording" in ran.stdout
    assert "near-fd-limit: FOUND" in ran.stdout


def test_one_that_lives_is_explained_as_of_the_end_also_if_another_had_its_pid(tmp_path: Path) -> None:
    later = ProcessKey(P.pid, P.start + 1)
    path = night(tmp_path / "night.rec", [[P, Q], [Q], [later, Q], [later, Q]])
    for pid in (P.pid, Q.pid):
        ran = run("replay", str(path), "explain", str(pid), "--json")
        document = json.loads(ran.stdout)
        assert (document["ended"], document["as_of"]) == (False, "2023-11-14T22:13:24.000000Z")
        assert "ended" not in run("replay", str(path), "explain", str(pid)).stdout
    early = json.loads(run("replay", str(path), "explain", str(P.pid), "--json", "-d", "1").stdout)
    assert (early["ended"], early["as_of"]) == (True, "2023-11-14T22:13:21.000000Z")


def test_a_recording_without_that_process(recorded: tuple[Path, int]) -> None:
    ran = run("replay", str(recorded[0]), "explain", "999999999")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "epolltop: there is no process 999999999 in night.rec\n"


def test_each_threshold_is_on_the_page() -> None:
    page = (ROOT / "docs" / "findings.md").read_text(encoding="ascii")
    assert [name for name in THRESHOLDS if f"`{name}`" not in page] == []
