from __future__ import annotations

from collections.abc import Iterable

import pytest

from epolltop.ui.state import change_highlight as module
from epolltop.ui.state.change_highlight import Glow
from epolltop.ui.state.look import steady
from tests.support.fake_source import Task, batch_of

from .app_on_screen import NODE, REDIS, on_screen

SECOND = 1_000_000_000


def glow_of(*history: Iterable[str]) -> Glow:
    """After one list a second."""
    glow = Glow(lambda row: row)
    for second, rows in enumerate(history):
        glow.update(list(rows), second * SECOND)
    return glow


def test_what_is_there_at_first_is_not_new() -> None:
    assert [glow_of("ab").row_class(row) for row in "ab"] == ["", ""]


def test_what_comes_is_bold_for_three_seconds() -> None:
    assert glow_of("a", "ab").row_class("b") == "table--bold"
    assert glow_of("a", "ab", "ab", "ab").row_class("b") == "table--bold"
    assert glow_of("a", "ab", "ab", "ab", "ab").row_class("b") == ""


def test_what_goes_stays_dim_for_three_seconds() -> None:
    glow = glow_of("ab", "a", "a", "a")
    assert (glow.gone, glow.row_class("b"), glow.row_class("a")) == (["b"], "table--dim", "")
    assert glow_of("ab", "a", "a", "a", "a").gone == []


def test_what_comes_back_is_no_longer_gone() -> None:
    glow = glow_of("ab", "a", "ab")
    assert (glow.gone, glow.row_class("b")) == ([], "table--bold")


def test_a_list_that_is_too_long_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRACKED", 3)
    assert glow_of("ab", "abcd", "a").gone == []


def test_an_order_is_kept_and_new_rows_come_last() -> None:
    assert steady(list("xcab"), list("abc"), str) == ["a", "b", "c", "x"]
    assert steady(list("cba"), list("abc"), str) == ["a", "b", "c"]
    assert steady(list("abc"), list("abcd"), str) == ["a", "b", "c"]
    assert steady([1, 2], ["1", "2"], str) == [1, 2]


@pytest.mark.usefixtures("order_not_held")
async def test_new_rows_are_bold_and_gone_rows_stay_for_a_while() -> None:
    async with on_screen() as screen:
        await screen.tick(batch_of(REDIS, NODE, Task(50, "late", open=2)))
        assert screen.rows() == ["77", "42", "50", "99"]
        glow = screen.app.main_screen.glow
        classes = {row.pid: glow.row_class(row) for row in screen.table("processes").rows}  # type: ignore[attr-defined]
        assert classes == {77: "", 42: "table--dim", 50: "table--bold", 99: ""}
        await screen.until_the_gone_are_gone()
        assert screen.rows() == ["77", "50", "99"]
