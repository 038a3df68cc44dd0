"""Where a mistake is, on one line of any width, in cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from epolltop.query.mistake import FilterError, below, explained, pointed
from epolltop.text.safe import printable

TEXTS = st.text(st.sampled_from("ab >漢字é🤖\t\x1b\u202e\udc80"), max_size=300)


@given(TEXTS, TEXTS, st.integers(12, 200))
def test_the_position_is_in_sight_and_all_is_safe(before: str, after: str, width: int) -> None:
    shown, column = pointed(before + after, len(before), width)
    assert column < width
    assert cell_len(shown) < width
    assert shown == printable(shown)
    whole = printable(before) + printable(after)
    if cell_len(whole) < width:
        assert (shown, column) == (whole, cell_len(printable(before)))
    head = ""
    for char in shown:
        if cell_len(head) >= column:
            break
        head += char
    rest = shown[len(head) :].removesuffix("…")
    assert cell_len(head) == column
    assert printable(after).startswith(rest.rstrip()) or rest == ""
    assert printable(before).endswith(head.removeprefix("…"))


@given(st.integers(0, 199), st.text(st.sampled_from("abc 漢"), min_size=1, max_size=150), st.integers(12, 200))
def test_a_message_is_whole_and_its_caret_at_the_cell(column: int, message: str, width: int) -> None:
    column %= width
    lines = below(column, message, width)
    assert all(cell_len(line) <= width for line in lines)
    (at,) = [cell_len(line[: line.index("^")]) for line in lines if "^" in line]
    assert at == column
    assert "".join("".join(lines).replace("^", "").split()) == "".join(message.split())


@given(TEXTS, st.integers(20, 120))
def test_text_and_message_stand_together(text: str, width: int) -> None:
    lines = explained(text, FilterError("something is wrong here", len(text)), width)
    assert all(cell_len(line) <= width for line in lines)
    assert " ".join(lines[1:]).replace("^", "").split() == ["something", "is", "wrong", "here"]
