"""docs/snapshot.schema.json, from the declarations of members."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from epolltop.query.document_members import DOCUMENT, SCHEMA
from epolltop.query.member import Form, Member, Structure

WIDTH = 120

_SCHEMAS: dict[Form, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "text": {"type": "string"},
    "truth": {"type": "boolean"},
    "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"},
    "evidence": {"type": "object", "additionalProperties": {"type": ["integer", "number", "string"]}},
    "counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
}
_SUFFIXES: dict[Form, str] = {"histogram": "", "histogram_s": "_s"}
for _form, _suffix in _SUFFIXES.items():
    _QUANTILE = {"type": ["number", "null"], "minimum": 0}
    _BUCKET = {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 2, "maxItems": 2}
    _SCHEMAS[_form] = {
        "type": "object",
        "required": [f"p50{_suffix}", f"p99{_suffix}", f"max{_suffix}", "histogram"],
        "properties": {
            f"p50{_suffix}": _QUANTILE, f"p99{_suffix}": _QUANTILE, f"max{_suffix}": {"type": "number", "minimum": 0},
            "histogram": {"type": "array", "items": _BUCKET},
        },
    }  # fmt: skip


def schema_of(member: Member[Any]) -> dict[str, Any]:
    """What may stand under a member, as JSON Schema; what items of a list are stands under definitions."""
    one = _one(member)
    if member.many:
        one = {"type": "array", "items": _or_null(one) if member.gaps else one}
        bounds = {"minItems": member.items_min, "maxItems": member.items_max}
        one |= {name: bound for name, bound in bounds.items() if bound is not None}
    return one if member.known else _or_null(one)


def _one(member: Member[Any]) -> dict[str, Any]:
    if isinstance(member.form, Structure):
        return {"$ref": f"#/definitions/{member.form.name}"} if member.many else _object_of(member.form)
    one = dict(_SCHEMAS[member.form])
    if member.choices:
        one = {"enum": list(member.choices)}
    if member.pattern:
        one["pattern"] = f"^({member.pattern})$"
    if one.get("type") in ("integer", "number") and not member.signed:
        one["minimum"] = 0
    if member.below is not None:
        one["exclusiveMaximum"] = member.below
    return one


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": [schema["type"], "null"], **{key: value for key, value in schema.items() if key != "type"}}


def _object_of(structure: Structure[Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [member.name for member in structure.members if not (member.young or member.optional)],
        "properties": {member.name: schema_of(member) for member in structure.members},
    }


def _inside(structure: Structure[Any]) -> Iterator[tuple[Member[Any], Structure[Any]]]:
    """The members with a structure, at any depth."""
    for member in structure.members:
        if isinstance(member.form, Structure):
            yield member, member.form
            yield from _inside(member.form)


def schema(_text: str) -> str:
    """docs/snapshot.schema.json."""
    whole = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": SCHEMA,
        "description": "What docs/snapshot.md says, for programs. Members may be added.",
        **_object_of(DOCUMENT),
        "definitions": {each.name: _object_of(each) for member, each in _inside(DOCUMENT) if member.many},
    }
    return f"{_laid_out(whole)}\n"


def _laid_out(value: Any, margin: str = "", room: int = 0) -> str:
    """JSON, an object or array on one line where it fits."""
    line = json.dumps(value, ensure_ascii=False)
    if len(margin) + room + len(line) <= WIDTH and (len(margin) > 2 or not isinstance(value, dict)):
        return line
    inner = margin + "  "
    if isinstance(value, dict):
        parts = (f"{inner}{json.dumps(key)}: {_laid_out(each, inner, len(key) + 5)}" for key, each in value.items())
        return "{\n" + ",\n".join(parts) + f"\n{margin}}}"
    assert isinstance(value, list)
    filled = textwrap.fill(line[1:-1], WIDTH, initial_indent=inner, subsequent_indent=inner, break_long_words=False)
    return f"[\n{filled}\n{margin}]"
