"""Commands that open a page over the screen, or in place of another page."""

from __future__ import annotations

from epolltop.findings.families import RULES
from epolltop.query.finding_rule import changed_thresholds
from epolltop.query.headline import notes
from epolltop.query.instance_fields import INSTANCE_FIELDS, InstanceOf
from epolltop.ui.dialogs.help import Help
from epolltop.ui.dialogs.manual import Manual
from epolltop.ui.dialogs.whole_row import Whole, whole
from epolltop.ui.main_screen import MainScreen


async def whole_row(screen: MainScreen) -> None:
    """The selected row, uncut."""
    row, snapshot = screen.board.selected, screen.ring.shown
    if row is None or snapshot is None:
        screen.app.notify("No row is selected.", severity="warning")
        return
    # Those of an instance's holder, too.
    fields = INSTANCE_FIELDS if isinstance(row, InstanceOf) else screen.board.fields_of(row)
    await screen.app.push_screen(Whole(whole(row, fields, snapshot), screen.readable))


async def manual(screen: MainScreen) -> None:
    """The page of the selected finding, or kind of event."""
    name, snapshot = screen.board.manual_page, screen.ring.shown
    changed = changed_thresholds(name, snapshot) if snapshot and name in RULES else ()
    await screen.app.push_screen(Manual(name, screen.readable, changed))


async def help(screen: MainScreen) -> None:
    """Opens the help: keys, columns, and what cannot be seen."""
    shown = screen.ring.shown
    await screen.app.push_screen(Help(screen.readable, notes(shown) if shown else ()))
