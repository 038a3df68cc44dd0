"""Several workers in a run: which takes what."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import ROOT, environment

PLAIN, BESIDE, ALONE = "", "@pytest.mark.kernel", "@pytest.mark.alone"
FILES = {
    "test_a.py": (PLAIN, BESIDE),
    "test_b.py": (ALONE, ALONE),
    "test_c.py": (PLAIN, PLAIN),
    "test_d.py": (BESIDE, ALONE),
    "test_e.py": (PLAIN, PLAIN),
}
TEST = """
{marks}
def test_{number}():
    with open({told!r}, "a") as told:
        print(os.environ.get("PYTEST_XDIST_WORKER"), os.path.basename(__file__), file=told)
"""


@pytest.fixture(name="tests")
def _tests(tmp_path: Path) -> Path:
    for name, tests in FILES.items():
        written = [TEST.format(marks=marks, number=n, told=str(tmp_path / "told")) for n, marks in enumerate(tests)]
        (tmp_path / name).write_text("\n".join(["import os, pytest", *written]))
    return tmp_path


def told(tests: Path, *options: str) -> list[tuple[str, str]]:
    """Workers and files, a pair for each test that ran."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "tests.support.workers", *options]
    command += ["-c", os.devnull, "--rootdir", str(tests), str(tests)]
    subprocess.run(command, check=True, cwd=ROOT, env=environment(PYTHONPATH=str(ROOT)), capture_output=True)
    worker_and_file = (line.split() for line in (tests / "told").read_text().splitlines())
    return [(worker, file) for worker, file in worker_and_file]


def test_who_must_be_alone_comes_first_and_who_runs_beside_others_last(tests: Path) -> None:
    files = list(dict.fromkeys(file for _, file in told(tests)))
    assert files == ["test_b.py", "test_d.py", "test_c.py", "test_e.py", "test_a.py"]


def test_who_must_be_alone_is_in_one_worker_and_no_file_is_divided(tests: Path) -> None:
    pairs = told(tests, "-n", "2")
    assert len(pairs) == 2 * len(FILES)
    workers = {file: worker for worker, file in pairs}
    assert len(set(pairs)) == len(FILES)
    assert workers["test_b.py"] == workers["test_d.py"] != workers["test_c.py"]
