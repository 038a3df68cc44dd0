"""docs/dependencies.md lists what pyproject.toml requires, with the same versions, and a reason for each."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def required() -> dict[str, str]:
    """Version ranges by name; read as text, because Python 3.10 has no tomllib."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return dict(re.findall(r'^(?:requires = \[|  )"([\w-]+)(>=[\w.,<]+)"', text, re.MULTILINE))


def test_each_dependency_has_its_versions_and_its_reason() -> None:
    rows = [line.split(" | ") for line in (ROOT / "docs" / "dependencies.md").read_text().splitlines()]
    listed = {row[0].removeprefix("| "): row[1].strip("`") for row in rows if len(row) == 4}
    ours = {name: versions for name, versions in listed.items() if versions.startswith(">=") and "BCC" not in name}
    assert {"lark", "msgspec", "fastjsonschema", "hatchling", "ruff"} <= required().keys()
    assert ours == required()
    assert all(row[2].strip() for row in rows if len(row) == 4)


def test_every_version_is_bounded() -> None:
    assert [name for name, versions in required().items() if ",<" not in versions] == []
