from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _in_utc(utc: None) -> None:
    """All of them."""
