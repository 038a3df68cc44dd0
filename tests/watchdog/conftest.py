"""The attacker, built once a module."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def hostile() -> Iterator[Path]:
    """Built where nobody may enter."""
    with tempfile.TemporaryDirectory() as directory:
        built = Path(directory, "hostile")
        built.parent.chmod(0o755)
        source = Path(__file__).parent.parent / "workloads" / "hostile.c"
        subprocess.run(["gcc", "-O1", "-w", "-pthread", "-o", str(built), str(source)], check=True)
        yield built
