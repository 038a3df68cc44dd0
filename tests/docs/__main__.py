"""Writes into the documentation what follows from the registry of fields."""

from __future__ import annotations

from tests.docs.derived import DERIVED

for path, anew in DERIVED.items():
    before = path.read_text(encoding="utf-8")
    path.write_text(anew(before), encoding="utf-8")
