"""What is said of a run: never passed of what did not run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bcc.__main__ import exit_code, verdict
from tests.bcc.trees import RELEASES, ROOT
from tests.offline import offline

PASSED = '<testcase name="a"/>'
FAILED = '<testcase name="b"><failure message="1 != 2"/></testcase>'
BROKEN = '<testcase name="c"><error message="no source"/></testcase>'
SKIPPED = '<testcase name="d"><skipped message="needs root"/></testcase>'


@pytest.mark.parametrize(
    ("code", "cases", "said"),
    [
        (0, PASSED, "slab passed 1 tests"),
        (1, PASSED + FAILED, "slab failed b"),
        (1, BROKEN + SKIPPED, "slab failed c"),
        (0, PASSED + SKIPPED, "slab notrun 1 of 2: needs root"),
        (3, PASSED, "slab failed pytest ended with 3 after 1 tests"),
        (5, "", "slab failed pytest ended with 5 after 0 tests"),
        (0, "", "slab failed pytest ended with 0 after 0 tests"),
    ],
)
def test_passed_means_that_every_test_ran_and_passed(code: int, cases: str, said: str, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    properties = '<properties><property name="rung" value="slab"/></properties>'
    junit.write_text(f"<testsuites><testsuite>{properties}{cases}</testsuite></testsuites>", encoding="utf-8")
    assert verdict(code, junit) == said


def test_no_results_are_a_failure(tmp_path: Path) -> None:
    assert verdict(139, tmp_path / "none").startswith("- failed")


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["bcc-0.18 - notrun apt-get failed", "bcc-0.26 slab passed 12 tests"], 0),
        (["bcc-0.18 slab passed 12 tests", "bcc-0.26 slab failed b"], 1),
        (["bcc-0.18 - notrun what passed before is gone", "bcc-0.26 - notrun no mirror"], 1),
    ],
)
def test_it_ends_well_if_something_passed_and_nothing_failed(lines: list[str], code: int) -> None:
    assert exit_code(lines) == code


def test_where_no_release_can_be_had_nothing_has_passed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bcc", "-r", "0.18", "-r", "newest"]
    done = subprocess.run(
        command, check=False, cwd=ROOT, env=offline(tmp_path), stdout=subprocess.PIPE, text=True, timeout=100
    )
    assert [line.partition("notrun")[:2] for line in done.stdout.splitlines()] == [
        ("bcc-0.18 - ", "notrun"),
        ("bcc-newest - ", "notrun"),
    ]
    assert done.returncode == 1


def test_the_page_names_the_releases() -> None:
    page = (ROOT / "docs" / "bcc.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (0\.\d+|newest) \|", page.partition("## ")[0], re.MULTILINE)
    assert rows == [release.name for release in RELEASES]
