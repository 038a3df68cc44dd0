"""What is derived from the declarations of fields and members: the schema, and the tables of columns and of members.

`python -m tests.docs` writes it into the files; test_derived.py compares.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from epolltop.model.runtimes import FINGERPRINTS
from epolltop.query.document_members import DOCUMENT, SCHEMA
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.event_record import EVENT
from epolltop.query.field import Field
from epolltop.query.instance_fields import INSTANCE_FIELDS
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.query.loop_members import LOOP
from epolltop.query.member import Form, Member, Structure
from epolltop.query.members import INSTANCE, PROCESS
from epolltop.query.process_fields import PROCESS_FIELDS

ROOT = Path(__file__).parents[2]
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
_NAMES: dict[Form, str] = {form: form for form in _SCHEMAS} | {
    "time": "time, UTC, RFC 3339",
    "truth": "boolean",
    "evidence": "object",
    "counts": "object of integers",
}
_APART = {PROCESS.name, INSTANCE.name, LOOP.name, EVENT.name}
"""Structures with a table of their own."""


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


def columns(fields: Iterable[Field[Any]]) -> Iterator[str]:
    """The columns that are shown, and what they mean."""
    yield from ("| column | meaning |", "| --- | --- |")
    yield from (f"| {field.title} | {_cell(field.help)} |" for field in fields if field.shown)


def members(structure: Structure[Any]) -> Iterator[str]:
    """All members of a structure, and what they mean; of the objects inside, too, but for those with an own table."""
    yield from ("| member | is | meaning |", "| --- | --- | --- |")
    yield from (f"| `{path}` | {_kind(member)} | {_cell(member.help)} |" for path, member in _flat(structure))


def _flat(structure: Structure[Any], before: str = "") -> Iterator[tuple[str, Member[Any]]]:
    for member in structure.members:
        path = f"{before}{member.name}{'[]' * (member.many and isinstance(member.form, Structure))}"
        yield path, member
        if isinstance(member.form, Structure) and member.form.name not in _APART:
            yield from _flat(member.form, f"{path}.")


def _kind(member: Member[Any]) -> str:
    if isinstance(member.form, Structure):
        kind = "list of objects" if member.many else "object"
        return kind if member.known else f"{kind} or `null`"
    one = " or ".join(f"`{choice}`" for choice in member.choices) or _NAMES[member.form]
    kind = f"list of {f'({one} or `null`)' if member.gaps else one}" if member.many else one
    return kind if member.known else f"{kind} or `null`"


def _cell(text: str) -> str:
    return re.sub(r"[|<>*]", r"\\\g<0>", text)


def runtimes() -> Iterator[str]:
    """The fingerprints of runtimes."""
    yield from ("| runtime | is | code | calls | asks for at most |", "| --- | --- | --- | --- | --- |")
    for each in FINGERPRINTS:
        by_place: dict[str, list[str]] = {}
        for sign in each.signs:
            by_place.setdefault(sign.place, []).append(f"`{sign.pattern}`")
        signs = "; ".join(f"{place} {' '.join(patterns)}" for place, patterns in by_place.items()) or "no sign"
        calls = ", ".join(call.name.lower() for call in each.calls)
        yield f"| {each.name} | {each.what} | {signs} | {calls} | {each.maxevents.text} |"


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "columns of processes": lambda: columns(PROCESS_FIELDS),
    "columns of instances": lambda: columns(INSTANCE_FIELDS),
    "columns of events": lambda: columns(EVENT_FIELDS),
    "columns of loops": lambda: columns(LOOP_FIELDS),
    "runtimes": runtimes,
    "members of a snapshot": lambda: members(DOCUMENT),
    "members of processes": lambda: members(PROCESS),
    "members of instances": lambda: members(INSTANCE),
    "members of loops": lambda: members(LOOP),
    "members of events": lambda: members(EVENT),
}
"""By what stands in the comment before them."""


def page(text: str) -> str:
    """A page with its tables anew: each stands between <!-- NAME --> and <!-- /NAME -->."""
    for name, table in TABLES.items():
        lines = "".join(f"{line}\n" for line in table())
        before, opening, rest = text.partition(f"<!-- {name} -->\n")
        _, closing, after = rest.partition(f"<!-- /{name} -->\n")
        text = "".join((before, opening, lines * bool(closing), closing, after))
    return text


DERIVED: dict[Path, Callable[[str], str]] = {
    ROOT / "docs" / "snapshot.schema.json": schema,
    ROOT / "docs" / "snapshot.md": page,
    ROOT / "docs" / "runtimes.md": page,
    ROOT / "README.md": page,
}
"""What each file should be, from what it is: only these parts of it change."""
