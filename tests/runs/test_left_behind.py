"""A test that leaves something behind fails, though what it asserts holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import ROOT, environment

TESTS = """
import os, threading, time
import pytest

@pytest.fixture(scope="module")
def shared():
    fds = os.pipe()
    yield
    for fd in fds:
        os.close(fd)

def test_it(shared):
    {does}
"""


@pytest.mark.parametrize(
    ("does", "left"),
    [
        ("os.pipe()", "pipe:["),
        ("os.open('/dev/null', os.O_RDONLY)", "/dev/null"),
        ("threading.Thread(target=time.sleep, args=(600,), name='idle', daemon=True).start()", "idle"),
        ("threading.Thread(target=time.sleep, args=(0.3,)).start()", ""),
        ("open('/dev/null').close()", ""),
    ],
)
def test_what_is_left_is_named(does: str, left: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS.format(does=does))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.support.left_behind"]
    command += ["-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(
        command, check=False, cwd=ROOT, env=environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True
    )
    assert ("1 passed, 1 error" in done.stdout) == bool(left), done.stdout
    assert (f" behind, as {left}" in done.stdout) == bool(left)
