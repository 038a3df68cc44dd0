"""Writes what a screen shows to a file in the working directory; the names of files sort by time."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from epolltop.model.snapshot import Snapshot
from epolltop.output.files import write_new
from epolltop.output.formats import FORMATS
from epolltop.output.parts import Parts
from epolltop.output.report import Report
from epolltop.query.member import Row
from epolltop.query.view import View


def export(
    snapshot: Snapshot,
    view: View[Row],
    rows: Sequence[Row],
    filter_text: str,
    format: str,
    *,
    halted: Callable[[], bool] = lambda: False,
    ascii_only: bool = False,
) -> Path:
    """Writes rows of a view.

    Args:
        snapshot: the one on screen; JSON has its journal, too.
        view: the view on screen.
        rows: its rows, or those of them that are marked.
        filter_text: the view's filter as typed.
        format: a key of FORMATS.
        halted: whether nobody waits for the file any more; then writing stops.
        ascii_only: use no other characters.

    Returns:
        The absolute path of the file.

    Raises:
        OSError: with the path that could not be written.
    """
    report = Report(snapshot, view, rows, filter_text, events=snapshot.journal, ascii_only=ascii_only)
    return _write(_unless(halted, FORMATS[format](report)), format)


def export_screen(svg: str, *, ascii_only: bool = False) -> Path:
    """Writes a picture that Textual made (App.export_screenshot); returns and raises as export."""
    svg = self_contained(svg)
    return _write((svg.encode("ascii", "xmlcharrefreplace").decode() if ascii_only else svg,), "svg")


def self_contained(svg: str) -> str:
    """The picture for renderers of every kind: it fetches no font from anywhere, and leading blanks are kept."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("<svg ", '<svg xml:space="preserve" ', 1)


def _unless(halted: Callable[[], bool], parts: Parts) -> Parts:
    for part in parts:
        if halted():
            raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
        yield part


def _write(content: Parts, extension: str) -> Path:
    return write_new(Path(time.strftime(f"epolltop-%Y%m%d-%H%M%S.{extension}")), content).absolute()
