from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SEED, SECONDS = 20260131, 25


@pytest.mark.slow
def test_nothing_that_comes_from_outside_is_answered_wrongly(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "tests.fuzz", f"--seed={SEED}", f"--seconds={SECONDS}", f"--keep={tmp_path}"]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=110, check=False)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout[-4000:]
    tried = ended.stdout.splitlines()[-1]
    assert all(f" {name}" in tried for name in ("recordings", "contents", "snapshots", "filters", "events"))
