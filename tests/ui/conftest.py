from __future__ import annotations

from pathlib import Path

import pytest

from epolltop.ui import main_screen


@pytest.fixture(name="in_a_directory_of_its_own")
def _in_a_directory_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exports go to the working directory; rows take their places at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(main_screen, "ORDER_HELD_S", 0)
