"""Lines of a table: first as values, which are cheap to make and to compare, then as what Textual paints."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from epolltop.text.cells import beginning
from epolltop.ui.table.layout import Layout


class Line(NamedTuple):
    """The content of one line. Equal lines look the same in the same layout."""

    lead: str
    """The text before the columns, which does not scroll with them: the mark, or a whole line without cells."""
    style: Style
    """Of the lead and of what is between and behind the cells."""
    cells: Sequence[tuple[str, Style]] = ()
    """Of the columns in view; texts are as long as they are."""


def strip(line: Line, layout: Layout[Any], left: int, ellipsis: str) -> Strip:
    """The line, one cell longer than the room of its layout, with what is left of a place scrolled away."""
    shown = layout.in_view(left) if line.cells else slice(0, 0)
    segments: list[Segment] = []
    run, run_style = line.lead, line.style  # neighbours of one style are one segment
    for column, width, (text, style) in zip(layout.columns[shown], layout.widths[shown], line.cells, strict=True):
        if style is not run_style:
            segments.append(Segment(run, run_style))
            run, run_style = "", style
        run += fitted(text, width, column.right, ellipsis)
        if style is line.style:
            run += " "
        else:
            segments.append(Segment(run, style))
            run, run_style = " ", line.style
    segments.append(Segment(run[:-1] if line.cells else run, run_style))  # no blank behind the last column
    whole = Strip(segments)
    if hidden := left - layout.starts[shown.start] if line.cells else 0:
        whole = Strip.join([whole.crop(0, 1), whole.crop(1 + hidden)])
    return whole.adjust_cell_length(layout.room + 1, line.style)


def changed(old: Line, new: Line, layout: Layout[Any], left: int) -> range:
    """The cells of a line, counted from its lead, between the first and the last column that differ."""
    if (old.style, len(old.cells)) != (new.style, len(new.cells)) or not new.cells:
        return range(layout.room + 1) if old != new else range(0)
    differ = [index for index, (was, now) in enumerate(zip(old.cells, new.cells, strict=True)) if was != now]
    if not differ:
        return range(len(new.lead)) if old.lead != new.lead else range(0)
    first, last = (layout.in_view(left).start + index for index in (differ[0], differ[-1]))
    start = max(1, 1 + layout.starts[first] - left) if old.lead == new.lead else 0
    return range(start, min(layout.room + 1, 1 + layout.starts[last] + layout.widths[last] - left))


def fitted(text: str, width: int, right: bool, ellipsis: str) -> str:
    """Exactly width cells; the end of a longer text is replaced by an ellipsis."""
    return _fitted(beginning(text, width), width, right, ellipsis)  # long ones are not kept


@lru_cache(maxsize=1 << 14)
def _fitted(text: str, width: int, right: bool, ellipsis: str) -> str:
    cut = shortened(text, width, ellipsis)
    padding = " " * (width - cell_len(cut))
    return padding + cut if right else cut + padding


def shortened(text: str, width: int, ellipsis: str) -> str:
    """At most width cells."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1) + ellipsis if width > 0 else ""
