"""Everything that `make` installs is pinned, and nothing comes in that we did not choose."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def test_every_package_that_the_development_install_pulls_has_the_pinned_version() -> None:
    pins = _pins()
    installed = {name: importlib.metadata.version(name) for name in _required("epolltop", {"dev"})}

    assert installed == {name: pins.get(name) for name in installed}


def test_no_grammars_for_editor_widgets_come_in() -> None:
    # textual[syntax] is some twenty compiled ones.
    assert [name for name in _required("epolltop", set()) if name.startswith("tree-sitter")] == []


def _pins() -> dict[str, str]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    pairs = (line.split("==") for line in lines if line)
    return {canonicalize_name(name): version for name, version in pairs}


def _required(distribution: str, extras: set[str], seen: frozenset[str] = frozenset()) -> set[str]:
    """The closure of what a distribution requires, by the metadata of what is installed."""
    found: set[str] = set()
    for text in importlib.metadata.requires(distribution) or []:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in {"", *extras}
        )
        if wanted and name not in seen:
            found |= {name} | _required(name, requirement.extras, seen | {name} | found)
    return found
