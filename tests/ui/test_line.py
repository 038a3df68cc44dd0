from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from epolltop.ui.table.layout import Column, Layout
from epolltop.ui.table.line import Line, changed, fitted, strip

STYLES = [Style(), Style(bold=True), Style(color="red")]
TEXTS = st.text("ab日 é", max_size=6)
PLACES = [Column[str](str(width), str(width), width, width % 2 == 0, str) for width in (1, 2, 3, 5, 8)]


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Layout[str], int]:
    """Columns in some room, scrolled to some place."""
    layout = Layout(draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=5)), draw(st.integers(1, 30)))
    return layout, draw(st.integers(0, max(0, layout.width - layout.room - 1)))


@st.composite
def lines(draw: st.DrawFn, layout: Layout[str], left: int) -> Line:
    if draw(st.integers(0, 9)) == 0:
        return Line(draw(TEXTS), draw(st.sampled_from(STYLES)))
    cells = [(draw(TEXTS), draw(st.sampled_from(STYLES))) for _ in layout.columns[layout.in_view(left)]]
    return Line(draw(st.sampled_from(" ▸")), draw(st.sampled_from(STYLES)), cells)


@st.composite
def two_lines(draw: st.DrawFn) -> tuple[Layout[str], int, Line, Line]:
    """The second one differs from the first one in some cells, or in all."""
    layout, left = draw(layouts())
    old, new = draw(lines(layout, left)), draw(lines(layout, left))
    if len(old.cells) == len(new.cells) and draw(st.booleans()):
        kept = draw(st.lists(st.booleans(), min_size=len(old.cells), max_size=len(old.cells)))
        cells = [was if keep else now for was, now, keep in zip(old.cells, new.cells, kept, strict=True)]
        new = Line(new.lead if draw(st.booleans()) else old.lead, old.style, cells)
    return layout, left, old, new


def cells(painted: Strip) -> list[tuple[str, Style | None]]:
    """One entry a cell; a wide character is in its first one."""
    return [
        entry
        for segment in painted
        for char in segment.text
        for entry in [(char, segment.style), *[("", segment.style)] * (cell_len(char) - 1)]
    ]


@given(two_lines())
def test_painting_what_differs_makes_one_line_of_the_other(drawn: tuple[Layout[str], int, Line, Line]) -> None:
    layout, left, old, new = drawn
    was, now = (cells(strip(line, layout, left, "…")) for line in (old, new))
    assert len(was) == len(now) == layout.room + 1
    where = changed(old, new, layout, left)
    assert was[: where.start] + now[where.start : where.stop] + was[where.stop :] == now
    assert 0 <= where.start <= where.stop <= layout.room + 1
    if old == new:
        assert not where


def test_only_the_columns_that_differ_are_painted() -> None:
    plain = Style()
    layout = Layout([Column[str](title, title, 4, False, str) for title in "abcdefgh"], 20)

    def line(texts: str, lead: str = " ", style: Style = plain) -> Line:
        return Line(lead, style, [(text, plain) for text in texts])

    for left, new, where in [
        (0, line("abcd"), range(0)),
        (0, line("abcX"), range(16, 20)),
        (0, line("aXXd"), range(6, 15)),
        (5, line("Xbcd"), range(1, 5)),
        (5, line("abXd"), range(11, 15)),
        (0, line("abcd", "▸"), range(1)),
        (0, line("aXcd", "▸"), range(10)),
        (0, line("abcd", style=Style(bold=True)), range(21)),
        (0, Line("abcd", plain), range(21)),
    ]:
        assert [*changed(line("abcd"), new, layout, left)] == [*where]
    scrolled = [*changed(line("abcde"), line("XbcdX"), layout, 2)]
    assert scrolled == [*range(1, 21)]


@given(TEXTS, st.integers(0, 8), st.booleans())
def test_a_fitted_text_is_as_wide_as_wanted(text: str, width: int, right: bool) -> None:
    assert cell_len(fitted(text, width, right, "…")) == width
