"""Numbers as they are typed into a filter: 10, 1.5k, -3, 3m05s, 80%."""

from __future__ import annotations

import re

from epolltop.query.field import Field, Unit
from epolltop.query.member import Row
from epolltop.query.mistake import FilterError
from epolltop.text.cells import cut

_COUNT_UNITS = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_TIME_UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_UNITS: dict[Unit, dict[str, float]] = {"id": {}, "seconds": _TIME_UNITS, "share": {"%": 0.01}}
"""Of all others those of counts."""
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([^0-9.]*)")


def number(field: Field[Row], text: str, position: int) -> float:
    """In the field's unit; times also as they are shown: 3m05s. FilterError if it is none of this field."""
    amount = text.removeprefix("-")
    parts: list[tuple[str, str]] = _QUANTITY.findall(amount)
    whole = "".join(map("".join, parts)) == amount
    if not parts or not whole or (len(parts) > 1 and (field.unit != "seconds" or not all(unit for _, unit in parts))):
        raise FilterError(f"{cut(text, 20)!r} is no number", position)
    units = _UNITS.get(field.unit, _COUNT_UNITS)
    for _, unit in parts:
        if unit and unit not in units:
            choice = f"it takes {', '.join(units)}" if units else "it takes none"
            raise FilterError(f"{cut(unit, 20)!r} is no unit of {field.id}: {choice}", position)
    magnitude = sum(float(digits) * units.get(unit, 1.0) for digits, unit in parts)
    return magnitude if amount == text else -magnitude
