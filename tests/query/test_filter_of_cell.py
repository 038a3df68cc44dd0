"""The filter that a cell stands for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.query.field import lookup
from epolltop.query.filter import parse
from epolltop.query.filter_of_cell import MAX_QUOTED, comparison
from epolltop.query.process_fields import PROCESS_FIELDS
from tests.support.rows import process_row, snapshot


@given(st.text(max_size=50), st.booleans())
def test_the_filter_of_a_text_finds_it_and_its_negation_all_others(name: str, negate: bool) -> None:
    field = lookup(PROCESS_FIELDS, "name")
    predicate = parse(comparison(field, name, negate=negate))
    assert predicate(process_row(name=name), snapshot()) is not negate
    assert predicate(process_row(name=name + "x"), snapshot()) is negate


@given(st.floats(0, 1e12), st.booleans())
def test_the_filter_of_a_measure_finds_it(rate: float, negate: bool) -> None:
    predicate = parse(comparison(lookup(PROCESS_FIELDS, "new/s"), rate, negate=negate))
    assert predicate(process_row(create_per_s=rate), snapshot()) is not negate


def test_the_filter_of_a_cell_can_be_read() -> None:
    def text(name: str, value: str | float, *, negate: bool = False) -> str:
        return comparison(lookup(PROCESS_FIELDS, name), value, negate=negate)

    assert text("user", "www-data") == 'user="www-data"'
    assert text("pid", 42, negate=True) == "pid!=42"
    assert text("open", 20) == "open>=20"
    assert text("new/s", 2.5, negate=True) == "create_per_s<2.5"


def test_the_filter_of_an_unknown_cell_finds_it() -> None:
    field = lookup(PROCESS_FIELDS, "fds")
    assert comparison(field, None, negate=False) == "fds=?"
    assert comparison(field, None, negate=True) == "fds!=?"


@pytest.mark.parametrize("length", [MAX_QUOTED, MAX_QUOTED + 1, 200_000])
@pytest.mark.parametrize("sign", ["x", '"', "\\", "\\x1b"])
@pytest.mark.parametrize("negate", [False, True])
def test_the_filter_of_a_long_text_finds_it(length: int, sign: str, negate: bool) -> None:
    command = "/usr/bin/java " + sign * length
    predicate = parse("user:www open>=0 " + comparison(lookup(PROCESS_FIELDS, "command"), command, negate=negate))
    assert predicate(process_row(command=command), snapshot()) is not negate
    assert predicate(process_row(command="other"), snapshot()) is negate
