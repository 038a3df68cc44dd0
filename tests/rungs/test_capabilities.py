"""Somebody who is not root and has the capabilities that README.md names."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from epolltop.sources.bpf.sizes import SIZES
from tests.cli.observation import observed
from tests.cli.program import COMMAND, ROOT, environment
from tests.workloads.client import Actor

from . import known_workload
from .guest import IN_GUEST, LOCKED_DOWN

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give some of it away"),
    pytest.mark.skipif(LOCKED_DOWN, reason="lockdown: confidentiality"),
]

PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")
GRANTED_KB, PAGE_KB = Path("/proc/sys/kernel/perf_event_mlock_kb"), os.sysconf("SC_PAGE_SIZE") // 1024
EARLY = tuple(map(int, os.uname().release.split(".")[:2])) < (5, 11)


def named() -> set[str]:
    """The capabilities of README.md."""
    (row,) = (line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| everything |"))
    names = {name.lower() for name in re.findall(r"`CAP_(\w+)`", row)}
    return names if EARLY else names - {"sys_resource"}


def somebody(names: set[str]) -> list[str]:
    """Runs what follows with these alone, and with as little locked memory as Debian 11 grants."""
    given = ",".join(f"+{name}" for name in sorted(names))
    user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    return ["prlimit", "--memlock=65536", *user, f"--inh-caps={given}", f"--ambient-caps={given}"]


def source_with(names: set[str]) -> dict[str, object]:
    """What it would use."""
    done = subprocess.run(
        [*somebody(names), *COMMAND, "doctor", "--json"],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env=environment(),
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    source: dict[str, object] = json.loads(done.stdout)["source"]
    return source


@contextmanager
def permissive() -> Iterator[None]:
    """Only a guest is made so; other machines are, or are not."""
    before = PARANOID.read_text()
    if int(before) > 2:
        if not IN_GUEST:
            pytest.skip("kernel.perf_event_paranoid is more than 2, and only that of a guest (tests/vm) is changed")
        PARANOID.write_text("2")
    try:
        yield
    finally:
        if PARANOID.read_text() != before:
            PARANOID.write_text(before)


@pytest.mark.parametrize("_rung", ["capabilities"])
def test_they_are_enough_to_tell_what_root_does(_rung: str) -> None:
    with permissive(), Actor() as actor:
        document = observed(lambda: known_workload.run(actor), through=somebody(named()))
        source = document["source"]
        assert (source["kind"], source["exact"], source["fallback"]) == ("bpf", True, None), source
        known_workload.check(document, actor)


@pytest.mark.parametrize("_rung", ["capabilities"])
def test_without_locked_memory_it_is_said_how_to_get_it(_rung: str) -> None:
    if int(PARANOID.read_text()) < 0:
        pytest.skip("kernel.perf_event_paranoid is -1: buffers are not counted as locked memory")
    if SIZES.pages(os.cpu_count() or 1) * PAGE_KB < int(GRANTED_KB.read_text()):
        pytest.skip("buffers on so many CPUs are no larger than what anybody may lock for each")
    with permissive():
        source = source_with(named() - {"sys_resource" if EARLY else "ipc_lock"})
    assert source["kind"] == "proc"
    assert "ulimit -l unlimited" in str(source["fallback"])


@pytest.mark.parametrize("_rung", ["capabilities"])
def test_where_perf_events_are_for_root_alone_it_is_said_how_to_get_them(_rung: str) -> None:
    if int(PARANOID.read_text()) <= 2 or not IN_GUEST:  # only Debian's kernels are known to go by more than 2
        pytest.skip("this kernel lets whoever has CAP_PERFMON open them")
    source = source_with(named())
    assert source["kind"] == "proc"
    assert "perf_event_open: Permission denied" in str(source["fallback"])
    assert "sysctl kernel.perf_event_paranoid=2" in str(source["fallback"])
