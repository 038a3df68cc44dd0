"""What docs/snapshot.schema.json says, as a check."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastjsonschema

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA: dict[str, Any] = json.loads((DOCS / "snapshot.schema.json").read_text())


def members(schema: Any = SCHEMA) -> Iterator[str]:
    """Names of all members, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for part in schema.values():
            yield from members(part)


def _closed(schema: Any) -> Any:
    """The same without members that it does not name."""
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(part) for key, part in schema.items()}
    return closed | {"additionalProperties": False} if "properties" in schema else closed


check_document = fastjsonschema.compile(_closed(SCHEMA))
"""Raises if a document is not as the schema says, or has a member that it does not name."""
