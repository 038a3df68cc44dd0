"""A name stands for one thing in the whole package, and a docstring says something."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "epolltop"
PATHS = sorted(PACKAGE.rglob("*.py"))
SOURCES = {str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8")) for path in PATHS}

AS_THEY_WERE = {"sources/recording/version1.py"}
"""Keeps the records of an old version under the names they had, which files of the next version have in them."""


def types(tree: ast.Module) -> Iterator[str]:
    """Classes and aliases, with or without an underscore; type variables are no types."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name.lstrip("_")
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            made = node.value.func if isinstance(node.value, ast.Call) else None
            if isinstance(target, ast.Name) and not (isinstance(made, ast.Name) and made.id == "TypeVar"):
                name = target.id.lstrip("_")
                if re.match("[A-Z]", name) and not name.isupper():
                    yield name


def test_no_two_modules_or_folders_share_a_name() -> None:
    places = defaultdict(list)
    for module in SOURCES:
        if not Path(module).name.startswith("__"):
            places[Path(module).stem].append(module)
    for folder in {path.parent for path in PATHS}:
        places[folder.name].append(f"{folder.relative_to(PACKAGE)}/")
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def test_no_two_types_share_a_name() -> None:
    places = defaultdict(list)
    for module, tree in SOURCES.items():
        for name in types(tree) if module not in AS_THEY_WERE else ():
            places[name].append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def test_no_docstring_only_refers_to_another_one() -> None:
    """Beside a body: in a protocol it may be all there is."""
    idle = re.compile(r"See [`\w.]+\.|Likewise\.|The same\.|The reverse\.")
    found = [
        f"{module}:{node.lineno} {node.name}"
        for module, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and len(node.body) > 1
        and idle.fullmatch(ast.get_docstring(node) or "")
    ]
    assert found == []
