"""An epolltop whose boot clock is not the machine's: no event would be at its right time, so there are no probes."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.cli.observation import observed
from tests.cli.program import COMMAND, environment
from tests.waiting import PATIENCE_S
from tests.workloads.client import Actor

from .namespaces import missing

SHIFTED = ("unshare", "--time", "--boottime", "1000", "--fork", "--kill-child")
UNSHIFTED = ("unshare", "--time", "--fork", "--kill-child")
WHY = "epolltop is in a time namespace whose boot clock is shifted"
REMEDY = "remedy: run it in the machine's own: nsenter --time --target 1 epolltop"

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(bool(missing(*SHIFTED)), reason=missing(*SHIFTED) or "there are time namespaces"),
]


def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*SHIFTED, *COMMAND, *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd="/", env=environment(), timeout=PATIENCE_S
    )


def test_who_insists_on_probes_is_told_where_to_run_it() -> None:
    done = ended("--source", "bpf", "snapshot", "-d", "1")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"epolltop: {WHY}\n  {REMEDY}\n"


def test_who_does_not_gets_what_proc_shows_and_a_note() -> None:
    with Actor() as actor:
        actor.create()
        done = ended("snapshot", "-d", "0", "-p", str(actor.pid))
        assert (done.returncode, done.stderr) == (0, "")
        document = json.loads(done.stdout)
        source = document["source"]
        assert (source["kind"], source["exact"]) == ("proc", False)
        assert source["fallback"] == f"only /proc is read, since {WHY}; {REMEDY}"
        assert [row["open"] for row in document["processes"]] == [1]
        assert f"note: {source['fallback']}" in ended("doctor").stdout


def test_a_time_namespace_that_shifts_nothing_does_not_matter() -> None:
    with Actor() as actor:
        document = observed(lambda: actor.do("pairs", count=3), "-p", str(actor.pid), through=UNSHIFTED)
        assert document["source"]["kind"] == "bpf"
        assert document["totals"]["created"] == 3
