"""Enumerations that may grow: a file from a later epolltop has numbers that this one does not know."""

from __future__ import annotations

import enum
from typing import Any


class OpenEnum(enum.IntEnum):
    """A number without a name is UNKNOWN, which each of them has."""

    @classmethod
    def _missing_(cls, value: object) -> Any:
        return cls["UNKNOWN"]
