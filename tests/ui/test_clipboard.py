from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.instance_fields import INSTANCE_FIELDS, InstanceOf
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.view import SUBJECTS, View, look
from epolltop.text.safe import safe
from epolltop.ui.clipboard import MAX_BYTES, clip_row, clip_rows
from tests.support.examples import HOSTILE, NGINX, SHARED, exact
from tests.support.records import event
from tests.support.rows import instance, process_row, snapshot

pytestmark = pytest.mark.usefixtures("utc")

HOSTILE_TEXT = st.binary(max_size=60).map(safe)


def test_a_table_keeps_its_columns_and_whole_commands() -> None:
    clip = clip_rows([NGINX, HOSTILE], PROCESS_FIELDS, exact())
    assert clip.text.splitlines() == [
        "```",
        "    PID USER       OPEN   NEW/S FREED/S NET/MIN CONTAINER    CREATED   FREED FAILED    FDS  LIMIT "
        "   FULL   NSPID     AGE        TREND RUNTIME   NAME            FINDING/COMMAND",
        "     42 www-data      2     2.5     1.5       ? -                  5       4      0     12   1024 "
        "      ?       -   1m30s           ▄█ nginx?    nginx           nginx: worker process",
        "     77 -1+1          2    <0.1     1.5    -3.0 3f2a81d09c3f  123.5M       4      3   1000   1024 "
        "  48.0s       7   1m30s "
        r"          ▄█ ?         =cmd|'/C calc'… *[x](javascript:1)* |<b>| \x1b[31m `日本語の長い名前` éé",
        "```",
    ]
    assert clip.message == "2 rows sent to the terminal"


def test_a_row_has_all_fields_in_full() -> None:
    crowd = instance(holders=((42, tuple(range(100, 120))),), watches=3)
    clip = clip_row(InstanceOf(crowd, NGINX), INSTANCE_FIELDS, exact())
    assert clip.text.splitlines() == [
        "```",
        "PID        42",
        "NAME       nginx",
        f"FDS        {','.join(map(str, range(100, 120)))}",
        "AGE        12.3s",
        "SEEN       traced",
        "ARG        0",
        "WATCHES    3",
        "STALE      ?",
        "WATCH      ?",
        "CREATOR    42",
        "THREAD     ?",
        "TID        ?",
        "CLOEXEC    ?",
        "HOLDERS    1",
        "CREATED    2026-01-31T11:59:47.823456Z",
        "STACK      ?",
        "USER       www-data",
        "CONTAINER  -",
        "NSPID      -",
        "COMMAND    nginx: worker process",
        "ID         ffff888101234500@987700000000",
        "```",
    ]
    assert clip.message == "1 row sent to the terminal"


def test_a_container_has_its_whole_id() -> None:
    lines = clip_row(HOSTILE, PROCESS_FIELDS, exact()).text.splitlines()
    assert f"CONTAINER  {HOSTILE.facts.container}" in lines
    assert "NSPID      7" in lines


def test_what_is_not_known_is_said() -> None:
    lines = clip_row(InstanceOf(SHARED, None), INSTANCE_FIELDS, exact()).text.splitlines()
    assert "PID        -" in lines
    assert "FDS" in lines


def test_an_event_has_its_date() -> None:
    lines = clip_row(event(), EVENT_FIELDS, exact()).text.splitlines()
    assert "TIME      2026-01-31T11:59:59.123456Z" in lines
    assert "LIFETIME  -" in lines


def test_a_name_does_not_end_the_block() -> None:
    clip = clip_row(process_row(command="a ```` b"), PROCESS_FIELDS, exact())
    first, *between, last = clip.text.splitlines()
    assert first == last == "`" * 5
    assert not any("`" * 5 in line for line in between)


def test_what_does_not_fit_is_told() -> None:
    rows = [process_row(pid, command="日" * 300) for pid in range(1, 3000)]
    clip = clip_rows(rows, PROCESS_FIELDS, exact())
    assert 0 < clip.rows < 100
    assert clip.rows + clip.left_out == len(rows)
    assert MAX_BYTES - 2000 < len(clip.text.encode()) <= MAX_BYTES
    assert clip.text.splitlines()[-2] == f"and {clip.left_out:,} rows more"
    assert clip.message == f"{clip.rows} rows sent to the terminal, {clip.left_out:,} left out: it takes 74,994 bytes"


def test_all_that_is_around_it_fits_in_what_terminals_take() -> None:
    rows = [process_row(pid, command="x" * 300) for pid in range(1, 3000)]
    text = clip_rows(rows, PROCESS_FIELDS, exact()).text
    assert len(b"\x1b]52;c;" + base64.b64encode(text.encode()) + b"\a") <= 100_000


def test_fields_that_do_not_fit_are_told() -> None:
    long = "e\u0301\u0301" * 5000  # five bytes a cell
    row = process_row(name=long, user=long, cgroup=long, command=long)
    clip = clip_row(row, PROCESS_FIELDS, exact())
    assert len(clip.text.encode()) <= MAX_BYTES
    assert clip.text.splitlines()[-2] == "and 2 fields more"


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_in_ascii(subject: Any) -> None:
    made = exact()
    rows = look(made, View(subject))
    assert clip_rows(rows, subject.fields, made, ascii_only=True).text.isascii()
    assert all(clip_row(row, subject.fields, made, ascii_only=True).text.isascii() for row in rows)


def test_nothing_is_a_heading() -> None:
    clip = clip_rows([], EVENT_FIELDS, snapshot())
    assert clip.text.splitlines()[1].split()[0] == "TIME"
    assert clip.message == "0 rows sent to the terminal"


@given(name=HOSTILE_TEXT, command=HOSTILE_TEXT, user=HOSTILE_TEXT, copies=st.integers(1, 3))
def test_no_escape_sequence_gets_in(name: str, command: str, user: str, copies: int) -> None:
    row = process_row(name=name, command=command, user=user)
    made = exact()
    table, one = clip_rows([row] * copies, PROCESS_FIELDS, made), clip_row(row, PROCESS_FIELDS, made)
    for clip, lines in ((table, 1 + copies), (one, len(PROCESS_FIELDS))):
        first, *between, last = clip.text.split("\n")
        assert re.fullmatch("`{3,}", first)
        assert first == last
        assert not any(first in line for line in between)
        assert all(line.isprintable() for line in between)
        assert len(between) == lines
