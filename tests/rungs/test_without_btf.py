"""A kernel that does not describe its types: only /proc is left, and it is said why."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.cli.program import COMMAND, environment

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to hide a directory")

# In a mount namespace of its own, so that nobody else misses it.
_HIDDEN = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh")


def snapshot(source: str) -> subprocess.CompletedProcess[str]:
    command = [*_HIDDEN, *COMMAND, "snapshot", "--source", source, "-d", "1"]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", env=environment(), timeout=100)


@pytest.mark.parametrize("_rung", ["nobtf"])
def test_the_best_source_is_proc_and_it_says_why(_rung: str) -> None:
    done = snapshot("auto")
    assert done.returncode == 0, done.stderr
    source = json.loads(done.stdout)["source"]
    assert source["kind"] == "proc"
    assert source["exact"] is False
    assert "BTF: /sys/kernel/btf/vmlinux is missing" in source["fallback"]


@pytest.mark.parametrize("_rung", ["nobtf"])
def test_who_insists_on_bpf_gets_no_other_source(_rung: str) -> None:
    done = snapshot("bpf")
    assert (done.returncode, done.stdout) == (3, "")
    assert "BTF: /sys/kernel/btf/vmlinux is missing" in done.stderr
