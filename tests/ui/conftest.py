from __future__ import annotations

from pathlib import Path

import pytest

from epolltop.ui import main_screen


@pytest.fixture(name="in_a_directory_of_its_own")
def _in_a_directory_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exports go to the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(name="order_not_held")
def _order_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows take their places at once."""
    monkeypatch.setattr(main_screen, "ORDER_HELD_S", 0)
