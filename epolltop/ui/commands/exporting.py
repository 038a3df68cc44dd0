"""Commands that export to files and to the terminal's clipboard."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from epolltop.ui.clipboard import Clip, clip_row, clip_rows
from epolltop.ui.commands.marking import chosen
from epolltop.ui.dialogs.picker import Choice, Picker
from epolltop.ui.exports import Halted
from epolltop.ui.main_screen import MainScreen

_PICTURE = "svg"
_LATE_S = 0.5
"""An export that takes longer is announced."""


def export(screen: MainScreen, format: str = "json") -> None:
    """Writes what is shown to a file."""
    snapshot, here, exports = screen.ring.shown, screen.trail.here, screen.exports
    if snapshot is None:
        screen.app.notify("There is nothing to export yet.", severity="warning")
    elif screen.is_exporting:
        screen.app.notify("The export before this one is still being written.", severity="warning")
    elif format == _PICTURE:
        picture = screen.app.export_screenshot()
        _start(screen, lambda _: exports.screen(picture))
    else:
        write = partial(exports.rows, snapshot, here.view, chosen(screen), here.filter_text, format)
        _start(screen, lambda halted: write(halted=halted))


async def export_as(screen: MainScreen) -> None:
    """Chooses a format."""
    choices = [
        *(Choice(name, name, f"{screen.trail.here.subject.id} as shown") for name in screen.exports.formats),
        Choice(_PICTURE, _PICTURE, "the screen as a picture"),
    ]

    def export_if(format: str | None) -> None:
        if format is not None:
            export(screen, format)

    await screen.app.push_screen(Picker("Export as:", choices, screen.readable), export_if)


def copy_row(screen: MainScreen) -> None:
    """Copies the selected row to the terminal's clipboard, or the marked rows if there are some."""
    row, snapshot = screen.board.selected, screen.ring.shown
    if screen.board.main.marked:
        copy_table(screen)
    elif row is not None and snapshot is not None:
        _send(screen, clip_row(row, screen.board.fields_of(row), snapshot, ascii_only=screen.ascii_only))


def copy_table(screen: MainScreen) -> None:
    """Copies the marked rows, or all rows, to the terminal's clipboard."""
    snapshot = screen.ring.shown
    if snapshot is not None:
        fields = screen.trail.here.subject.fields
        _send(screen, clip_rows(chosen(screen), fields, snapshot, ascii_only=screen.ascii_only))


def _send(screen: MainScreen, clip: Clip) -> None:
    screen.app.copy_to_clipboard(clip.text)
    screen.app.notify(clip.message, markup=False)


def _start(screen: MainScreen, write: Callable[[Halted], Path]) -> None:
    screen.is_exporting = True
    screen.app.run_worker(_write(screen, write))


async def _write(screen: MainScreen, write: Callable[[Halted], Path]) -> None:
    """Exports in a thread: 100,000 rows take seconds, and keys still act. Leaving does not wait for it."""
    left = threading.Event()
    late = screen.app.set_timer(_LATE_S, lambda: screen.app.notify("Writing …", timeout=_LATE_S))
    try:
        path = await asyncio.to_thread(write, left.is_set)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        screen.app.notify(f"Not exported: {where}{error.strerror}", severity="error", markup=False)
    else:
        screen.app.notify(f"Exported to {path}", markup=False)
    finally:
        left.set()
        late.stop()
        screen.is_exporting = False
