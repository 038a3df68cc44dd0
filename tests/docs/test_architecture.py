"""docs/architecture.md says where things are added; here is what would show that one of two places was forgotten."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from textual import actions

from epolltop.sources.bpf.ladder import ALL
from epolltop.sources.choose import KINDS
from epolltop.ui.app import EpolltopApp
from epolltop.ui.commands import command
from epolltop.ui.keys import KEYS, Key

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "epolltop"
PLAN = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.command)
def test_every_key_has_its_command(key: Key) -> None:
    _, action, arguments = actions.parse(key.action)
    if action == "command":
        function = command(str(arguments[0]))
        inspect.signature(function).bind(None, *arguments[1:])
    else:
        assert callable(getattr(EpolltopApp, f"action_{action}", None)), action


def test_every_probe_is_compiled() -> None:
    assert sorted(ALL.units) == sorted(path.name for path in (ROOT / "bpf").glob("*.c"))


def test_every_kind_of_source_is_opened_by_name() -> None:
    chooser = (ROOT / "epolltop" / "sources" / "choose.py").read_text(encoding="utf-8")
    body = chooser.partition("def open_source")[2]
    assert [kind for kind in KINDS if kind != "auto" and f'"{kind}"' not in body] == []


def test_the_tree_has_every_folder_of_the_package_and_nothing_else() -> None:
    tree = PLAN.partition("\nepolltop/\n")[2].partition("```")[0]
    told, above = set(), [PACKAGE]
    for indent, name in re.findall(r"^( +)([\w.]+)/? ", tree, re.MULTILINE):
        above[len(indent) // 2 :] = [above[len(indent) // 2 - 1] / name]
        told.add(above[-1])
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}
    modules = {path for path in PACKAGE.glob("*.py") if not path.name.startswith("__")}
    assert told == folders | modules


def test_the_tests_it_names_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PLAN)
    assert named
    for path, name in named:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in text, name
