"""A kernel that hides what epolltop learns from: it takes what is left, and says why."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.cli.observation import observed, row_of
from tests.cli.program import COMMAND, environment
from tests.workloads.client import Actor

from . import known_workload
from .guest import IN_GUEST, LOCKED_DOWN

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to hide a directory"),
    pytest.mark.skipif(LOCKED_DOWN, reason="lockdown: confidentiality"),
]

FUNCTIONS = ("--attach", "epoll_create=fexit", "--attach", "files_free=fentry")


def ended(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", env=environment(), timeout=100)


def without(directories: list[str]) -> list[str]:
    """Runs what follows in a mount namespace of its own, so that nobody else misses the directories."""
    hide = "".join(f"mount -t tmpfs none {directory} && " for directory in directories)
    return ["unshare", "--mount", "sh", "-c", f'{hide} exec "$@"', "sh"]


WITHOUT_BTF = without(["/sys/kernel/btf"])
WITHOUT_TRACEFS = [
    *("unshare", "--mount", "sh", "-c"),
    "mount -o bind /sys/kernel/btf /tmp && mount -t tmpfs none /sys/kernel && mkdir /sys/kernel/btf && "
    'mount -o bind /tmp /sys/kernel/btf && umount /tmp && exec "$@"',
    "sh",
]
"""Nor a place to mount it at: of all below /sys/kernel only the types are left."""


def without_btf(*arguments: str) -> subprocess.CompletedProcess[str]:
    return ended(*WITHOUT_BTF, *COMMAND, *arguments)


def without_tracefs(*arguments: str) -> subprocess.CompletedProcess[str]:
    return ended(*WITHOUT_TRACEFS, *COMMAND, *arguments)


@pytest.mark.parametrize("_rung", ["nobtf"])
def test_without_types_the_best_source_is_proc(_rung: str) -> None:
    with Actor() as actor:
        known_workload.run(actor)
        done = without_btf("snapshot", "-d", "1")
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        row = row_of(document, actor.pid)
        assert (row["open"], row["created"], row["released"], row["create_failed"]) == (2, 0, 0, None)
        assert row["fds"] == len(os.listdir(f"/proc/{actor.pid}/fd"))
    source = document["source"]
    assert source["kind"] == "proc"
    assert source["exact"] is False
    assert "BTF: /sys/kernel/btf/vmlinux is missing" in source["fallback"]


@pytest.mark.parametrize("_rung", ["nobtf"])
def test_without_types_who_insists_on_bpf_gets_no_other_source(_rung: str) -> None:
    done = without_btf("snapshot", "--source", "bpf", "-d", "1")
    assert (done.returncode, done.stdout) == (3, "")
    assert "BTF: /sys/kernel/btf/vmlinux is missing" in done.stderr


@pytest.fixture(name="_functions", scope="module")
def _functions_() -> None:
    """This kernel permits probes at functions; those of guests do."""
    if IN_GUEST:
        return
    refused = ended(*COMMAND, *FUNCTIONS, "snapshot", "-d", "0")
    if refused.returncode:
        blamed = without_tracefs(*FUNCTIONS, "snapshot", "-d", "0").stderr
        assert "remedy: another hook" in blamed  # to mount tracefs would not help
        pytest.skip(refused.stderr.splitlines()[0])


@pytest.mark.usefixtures("_functions")
@pytest.mark.parametrize("_rung", ["notracefs"])
def test_without_tracepoints_functions_are_probed_and_all_is_counted(_rung: str) -> None:
    with Actor() as actor:
        document = observed(lambda: known_workload.run(actor), through=WITHOUT_TRACEFS)
        assert {probe["attached_to"].split(":")[0] for probe in document["source"]["probes"]} == {"fexit", "fentry"}
        assert document["source"]["exact"] is True
        known_workload.check(document, actor)


@pytest.mark.parametrize("_rung", ["notracefs"])
def test_without_tracepoints_the_doctor_misses_them(_rung: str) -> None:
    done = without_tracefs("--source", "proc", "doctor", "--json")
    assert done.returncode == 0, done.stderr
    requirements = {need["name"]: need["met"] for need in json.loads(done.stdout)["requirements"]}
    assert requirements["tracefs"] is False


@pytest.mark.parametrize("_rung", ["notracefs"])
def test_without_tracepoints_who_insists_on_them_is_told_how_to_get_them(_rung: str) -> None:
    done = without_tracefs("--attach", "epoll_create=tracepoint", "snapshot", "-d", "1")
    assert (done.returncode, done.stdout) == (3, "")
    assert "tracepoint:syscalls:sys_exit_epoll_create1: No such file or directory" in done.stderr
    assert "remedy: sudo mount -t tracefs tracefs /sys/kernel/tracing" in done.stderr
