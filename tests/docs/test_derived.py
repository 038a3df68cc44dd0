"""What follows from the registry of fields is in the documentation as it follows. `make docs` writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.derived import DERIVED, TABLES


@pytest.mark.parametrize("path", DERIVED, ids=lambda path: path.name)
def test_a_file_says_what_the_fields_say(path: Path) -> None:
    written = path.read_text(encoding="utf-8")
    assert written == DERIVED[path](written), "make docs writes it"


def test_each_table_has_its_place() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in DERIVED)
    assert [name for name in TABLES if pages.count(f"<!-- {name} -->\n| ") != 1] == []


def test_pages_of_findings_are_plain_text() -> None:
    """The screen shows them on any terminal."""
    page = Path(__file__).parents[2] / "docs" / "findings.md"
    assert [line for line in page.read_text(encoding="utf-8").splitlines() if not line.isascii()] == []
