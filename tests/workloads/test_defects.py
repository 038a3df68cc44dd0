"""Every program with a defect starts, says what it is at, and ends with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import pytest

from tests.waiting import PATIENCE_S
from tests.workloads.defects import DEFECTS
from tests.workloads.with_defect import started, told_by


def _goes_on(process: subprocess.Popen[bytes], told: dict[str, Any]) -> None:
    assert process.poll() is None
    for pid in (told["pid"], *told.get("pids", ()), *told.get("children", ())):
        os.kill(pid, 0)


def _ends(process: subprocess.Popen[bytes]) -> int:
    """Its status, when nobody has its stdout any more."""
    process.communicate(timeout=PATIENCE_S)
    return process.wait(PATIENCE_S)


@pytest.mark.parametrize("healthy", [False, True], ids=["sick", "healthy"])
@pytest.mark.parametrize("defect", DEFECTS)
def test_ends_with_its_stdin(defect: str, healthy: bool) -> None:
    with started(defect, healthy=healthy) as process:
        _goes_on(process, told_by(process))
        assert _ends(process) == 0


@pytest.mark.parametrize("defect", DEFECTS)
def test_ends_with_sigterm(defect: str) -> None:
    with started(defect) as process:
        _goes_on(process, told_by(process))
        process.terminate()
        assert _ends(process) == -signal.SIGTERM
