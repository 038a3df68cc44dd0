"""A kernel that lets no BPF program read its memory: epolltop goes on from /proc, and says why and what helps."""

from __future__ import annotations

import json

import pytest

from tests.cli.observation import row_of
from tests.cli.program import COMMAND
from tests.workloads.client import Actor

from . import known_workload
from .guest import LOCKDOWN, LOCKED_DOWN
from .test_hidden import ended

pytestmark = pytest.mark.skipif(not LOCKED_DOWN, reason="this kernel is not locked down")

CAUSE = "lockdown: confidentiality, which lets no BPF program read the kernel's memory"
REMEDY = "boot without lockdown=confidentiality"
HIDDEN = ("unshare", "--mount", "sh", "-c", f'umount {LOCKDOWN.parent} && exec "$@"', "sh")
"""As in a container, where the kernel's own word is out of reach."""

surroundings = pytest.mark.parametrize("through", [(), HIDDEN], ids=["shown", "hidden"])


@surroundings
@pytest.mark.parametrize("_rung", ["lockdown"])
def test_the_best_source_is_proc(_rung: str, through: tuple[str, ...]) -> None:
    with Actor() as actor:
        known_workload.run(actor)
        done = ended(*through, *COMMAND, "snapshot", "-d", "1")
        assert (done.returncode, done.stderr) == (0, "")
        document = json.loads(done.stdout)
        assert row_of(document, actor.pid)["open"] == 2
    source = document["source"]
    assert (source["kind"], source["exact"]) == ("proc", False)
    assert source["fallback"] == f"only /proc is read, since {CAUSE}; remedy: {REMEDY}"


@surroundings
@pytest.mark.parametrize("_rung", ["lockdown"])
def test_who_insists_on_bpf_gets_no_other_source(_rung: str, through: tuple[str, ...]) -> None:
    done = ended(*through, *COMMAND, "snapshot", "--source", "bpf", "-d", "1")
    told = f"epolltop: {CAUSE}\n  remedy: {REMEDY}\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, "", told)


@pytest.mark.parametrize("_rung", ["lockdown"])
def test_the_doctor_says_it(_rung: str) -> None:
    done = ended(*COMMAND, "doctor", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    unmet = {need["name"]: need["remedy"] for need in document["requirements"] if not need["met"]}
    assert unmet == {"tracefs": REMEDY, "lockdown": REMEDY}
    assert document["source"]["kind"] == "proc"
