"""What is derived from the declarations of fields and members: the schema, and the tables of columns and of members.

`python -m tests.docs` writes it into the files; test_derived.py compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from epolltop.model.runtimes import FINGERPRINTS
from epolltop.query.document_members import DOCUMENT
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.event_record import EVENT
from epolltop.query.field import Field
from epolltop.query.finding_fields import FINDING_FIELDS
from epolltop.query.finding_members import FINDING
from epolltop.query.instance_fields import INSTANCE_FIELDS
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.query.loop_members import LOOP
from epolltop.query.member import Form, Member, Structure
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.process_members import INSTANCE, PROCESS
from epolltop.query.watch_fields import WATCH_FIELDS
from epolltop.query.watch_members import WATCH
from tests.docs.rule_pages import pages_of_rules, rules, thresholds
from tests.docs.schema import schema

ROOT = Path(__file__).parents[2]

_NAMES: dict[Form, str] = {form: form for form in get_args(Form)} | {
    "time": "time, UTC, RFC 3339",
    "truth": "boolean",
    "evidence": "object",
    "counts": "object of integers",
}
_APART = {PROCESS.name, INSTANCE.name, LOOP.name, EVENT.name, WATCH.name, FINDING.name}
"""Structures with a table of their own."""


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
    "columns of watches": lambda: columns(WATCH_FIELDS),
    "columns of findings": lambda: columns(FINDING_FIELDS),
    "runtimes": runtimes,
    "rules": rules,
    "thresholds": thresholds,
    "pages of rules": pages_of_rules,
    "members of a snapshot": lambda: members(DOCUMENT),
    "members of processes": lambda: members(PROCESS),
    "members of instances": lambda: members(INSTANCE),
    "members of loops": lambda: members(LOOP),
    "members of watches": lambda: members(WATCH),
    "members of findings": lambda: members(FINDING),
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
    ROOT / "docs" / "findings.md": page,
    ROOT / "README.md": page,
}
"""What each file should be, from what it is: only these parts of it change."""
