"""Where the instances were created that a process holds now: how many by each stack, and in which files."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from epolltop.model.bounds import CODE_FILES_MAX, FRAMES_MAX
from epolltop.model.process import CodeFile
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.member import Member, Structure, same

LISTED_MAX = 100
"""Stacks of a process in a snapshot file. A program has about ten, unless it forges them."""


class CreationStack(NamedTuple):
    """A stack, and how many of the instances were created by it."""

    instances: int
    stack: tuple[str, ...]


def creation_stacks(row: ProcessRow) -> list[CreationStack]:
    """Of the instances that it holds and whose stacks are known, those by which most were created first."""
    stacks = [instance.stack for instance in row.instances if instance.stack]
    # Equal stacks are mostly one object: comparing each with each takes 20 times as long.
    known = dict(zip(map(id, stacks), stacks, strict=True))
    counts: Counter[tuple[str, ...]] = Counter()
    for number, count in Counter(map(id, stacks)).items():
        counts[known[number]] += count
    return [CreationStack(count, stack) for stack, count in counts.most_common()]


CREATION_STACK: Structure[CreationStack] = Structure("creation_stack", (
    same("count", "integer", "Instances that were created by this stack.", known=True, of="instances"),
    same("stack", "text", "Its functions, innermost first; see below.", known=True, many=True, items_max=FRAMES_MAX),
))  # fmt: skip


def _written(row: ProcessRow, _: Snapshot) -> list[dict[str, Any]] | None:
    return [CREATION_STACK.written(each) for each in creation_stacks(row)[:LISTED_MAX]] or None


CODE_FILE: Structure[CodeFile] = Structure("code_file", (
    same("file", "text", "Name of the file, as frames have it.", known=True, of="name"),
    same("build_id", "text", "The build id that its linker gave it, in hexadecimal digits.", known=True,
         pattern="([0-9a-f]{2}){1,64}"),
))  # fmt: skip

CREATION_STACKS: Member[ProcessRow] = Member(
    "creation_stacks", CREATION_STACK, "Where the instances were created that it holds now, the most frequent first: "
    f"at most {LISTED_MAX} stacks. `null`: no stack is known.", _written, many=True, items_max=LISTED_MAX,
)  # fmt: skip
CODE_FILES: Member[ProcessRow] = Member(
    "code_files", CODE_FILE, "The files whose code is in stacks of its creations, those with a build id. `null`: none "
    "is known.",
    lambda row, _: [CODE_FILE.written(each) for each in row.facts.code_files] or None, many=True,
    items_max=CODE_FILES_MAX,
)  # fmt: skip
