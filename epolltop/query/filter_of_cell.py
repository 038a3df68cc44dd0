"""The filter that a cell stands for: rows with its value."""

from __future__ import annotations

import re
from decimal import ROUND_FLOOR, Decimal

from epolltop.query.field import Field, Value, as_text
from epolltop.query.member import Row

MAX_QUOTED = 1000
"""Characters of a value in the filter of a cell; for a longer value, the filter only compares its beginning."""
_NANO = Decimal("1e-9")


def comparison(field: Field[Row], value: Value, *, negate: bool) -> str:
    """The filter for rows with this value, or with at least this quantity; negated, for all other rows."""
    if value is None:
        return f"{field.id}{'!=' if negate else '='}?"
    if field.unit == "text":
        text = as_text(value)
        quoted = re.sub(r'(["\\])', r"\\\1", text[:MAX_QUOTED])
        sign = "=" if len(text) <= MAX_QUOTED else ":"
        return f'{field.id}{"!" if negate else ""}{sign}"{quoted}"'
    if isinstance(value, float):  # rounded down, or the row itself would not match
        value = f"{Decimal(value).quantize(_NANO, ROUND_FLOOR):f}".rstrip("0").rstrip(".")
    if field.unit == "id":
        return f"{field.id}{'!=' if negate else '='}{value}"
    return f"{field.id}{'<' if negate else '>='}{value}"
