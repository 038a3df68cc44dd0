"""What is said of a run: never passed of what did not run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bcc.__main__ import verdict
from tests.bcc.trees import RELEASES, ROOT

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


def test_the_page_names_the_releases() -> None:
    page = (ROOT / "docs" / "bcc.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (0\.\d+|newest) \|", page.partition("## ")[0], re.MULTILINE)
    assert rows == [release.name for release in RELEASES]
