"""README.md and the program say the same: keys, filters, commands, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from epolltop.options import parse_options
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.field import Field
from epolltop.query.filter import everything, parse_over
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.ui.keys import KEYS, MOVES

from .pages import blocks

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/architecture.md",
    "docs/dependencies.md",
    "docs/kernels.md",
)


def section(title: str) -> str:
    """What stands under a heading, up to the next one."""
    parts = re.split(r"^#+ (.*)$", README, flags=re.MULTILINE)
    return parts[parts.index(title) + 1]


def first_cells(part: str) -> list[str]:
    """Of the rows of its table, without the heading."""
    return [line.split("|")[1].strip() for line in part.splitlines() if line.startswith("| ")][2:]


def test_keys_are_those_of_the_program_and_the_footer_is_among_them() -> None:
    told = [key for cell in first_cells(section("Keys")) for key in re.findall(r"`([^`]+)`", cell)]
    known = {shown for key in KEYS for shown in key.shown.split()} | {shown for shown, _ in MOVES}
    assert set(told) <= known
    assert {key.shown.split()[0] for key in KEYS if key.footer} <= set(told)
    assert len(set(told)) == len(told)


def test_filters_are_understood() -> None:
    (shown,) = blocks(section("Filter"))
    lines = [re.split(r" {3,}", line)[0] for line in shown.splitlines()]
    assert len(lines) == 8
    for line in lines:
        fields: Sequence[Field[Any]] = EVENT_FIELDS if "errno" in line else PROCESS_FIELDS
        assert parse_over(fields, line) is not everything


def test_commands_are_understood() -> None:
    lines = [line.removeprefix("$ ") for line in "".join(blocks(README)).splitlines()]
    texts = [line for line in lines if re.match("epolltop (?!bpf)", line)]
    commands = [shlex.split(re.split(r" {3,}| \| ", text)[0])[1:] for text in texts]
    assert {"snapshot", "events", "record", "replay", "doctor"} <= {word for command in commands for word in command}
    for command in commands:
        parse_options(command, no_color=False)


def test_the_benchmark_has_its_place() -> None:
    before, _, rest = README.partition("<!-- bench -->\n")
    table, end, _ = rest.partition("<!-- /bench -->")
    assert before.rstrip().rpartition("\n## ")[2].startswith("What it costs")
    assert end
    assert "| what | measured | budget |" in table
    for probe in ("epoll_create.c", "files_free.c"):
        assert "see the benchmark table in README.md" in (ROOT / "bpf" / probe).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    for target in re.findall(r"\[[^\]]*\]\((?!https:)([^)]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        assert (ROOT / page).parent.joinpath(target).is_file(), target


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    folders = "epolltop|tests|bpf|docs|bench|screenshots|scripts"
    named = re.findall(rf"`((?:{folders})/[a-z0-9_./-]+\.\w+)`", (ROOT / page).read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).is_file()] == []
