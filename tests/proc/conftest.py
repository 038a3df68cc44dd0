from __future__ import annotations

from pathlib import Path

import pytest

from tests.proc.proc_tree import Tree


@pytest.fixture(name="tree")
def _tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)
