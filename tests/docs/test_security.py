"""docs/security.md states bounds: each is the constant's, and has a test."""

from __future__ import annotations

import importlib
import re
from operator import attrgetter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
TABLES = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
ROWS = [cells for cells in TABLES if len(cells) == 4 and cells[0] not in ("what", "---")]
_CONSTANT = re.compile(r"`([a-z_.]+)\.([A-Z_0-9]+(?:\.\w+)?)`")


def written(number: float) -> set[str]:
    """How such a number may stand in a table."""
    forms = {f"{number:,}", f"{number:g}", f"{number * 100:g} %", f"{number / 1e6:g} MB"}
    return forms | {f"{number / 2**20:g} MiB"} | ({f"{number / 1e6:.0f} MB"} if number % 2**20 == 0 else set())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_bound_is_that_of_its_constants(row: list[str]) -> None:
    what, bound, constants, _ = row
    named = _CONSTANT.findall(constants)
    assert named, what
    for module, name in named:
        number = attrgetter(name)(importlib.import_module(f"epolltop.{module}"))
        assert any(re.search(rf"(?<![\d,.]){re.escape(form)}(?![\d,.])", bound) for form in written(number)), number


def test_the_tests_it_names_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+(?:\.py|/))(?:::(\w+))?`", PAGE)
    assert len(named) >= len(ROWS) - 2  # bounds that have none say so
    for path, name in named:
        assert (ROOT / path).exists(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), name
