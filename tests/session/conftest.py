"""A recording that tests replay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.session.replaying import life
from tests.support.recordings import write


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return write(tmp_path / "file", life(100))
