"""The key table: bindings, footer, help, palette and README read it.

A new key is an entry here, which names a function in `epolltop.ui.commands`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from textual.binding import Binding

from epolltop.query.view import SUBJECTS


@dataclass(frozen=True, slots=True)
class Key:
    """One command and its keys."""

    command: str
    """Its module in `epolltop.ui.commands`, a dot, its function and arguments; without a dot an action of Textual's."""
    keys: tuple[str, ...]
    """As Textual spells them; the first one is shown."""
    shown: str
    """As a person reads them."""
    label: str
    """For the footer and the palette, a few words."""
    help: str
    footer: bool = False
    everywhere: tuple[str, ...] = ()
    """Those of the keys that also work in the filter bar and in dialogs."""

    @property
    def action(self) -> str:
        """As Textual takes it."""
        name, bracket, arguments = self.command.partition("(")
        if "." not in name:
            return f"app.{self.command}"
        return f"app.command({name!r}, {arguments}" if bracket else f"app.command({name!r})"

    @property
    def displays(self) -> Iterator[tuple[str, str]]:
        """Each key, and how a person reads it."""
        return zip(self.keys, self.shown.split(), strict=True)


GROUPS: tuple[tuple[str, tuple[Key, ...]], ...] = (
    ("Views and rows", (
        *(Key(f"navigate.view('{view.id}')", (str(number),), str(number), view.title, view.help)
            for number, view in enumerate(SUBJECTS.values(), start=1)),
        Key("navigate.open_row", ("enter",), "Enter", "Open",
            "Open a row: what it has, or what it is about; last its detail alone.", footer=True),
        Key("navigate.back", ("escape",), "Esc", "Back",
            "Close what is open, or clear the filter, or go back. Never quits.", footer=True),
        Key("navigate.up", ("backspace",), "Backspace", "Up", "Go back one level."),
        Key("focus_next", ("tab",), "Tab", "Next pane", "Go to the next table or pane."),
        Key("focus_previous", ("shift+tab",), "Shift-Tab", "Previous pane", "Go to the table or pane before."),
        Key("navigate.row(1)", ("J",), "J", "Next row", "The next row of the main table, also from the detail pane."),
        Key("navigate.row(-1)", ("K",), "K", "Previous row", "The previous row of the main table."),
        Key("pages.whole_row", ("w", "i"), "w i", "Whole row",
            "All fields of the selected row, and its whole command line."),
        Key("navigate.raw", ("v",), "v", "Raw fields",
            "Show events field by field with Tracee's names, or as a story again."),
        Key("pages.manual", ("d",), "d", "What is it", "Explain the selected finding, or kind of event."),
    )),
    ("Filter, sort, mark", (
        Key("filtering.type_filter", ("slash", "backslash", "f4"), "/ \\ F4", "Filter",
            "Show only rows that match; Enter keeps it, Esc clears it.", footer=True),
        Key("filtering.by_cell(False)", ("f",), "f", "Only this", "Filter by the value of the cell under the cursor."),
        Key("filtering.by_cell(True)", ("exclamation_mark",), "!", "Not this", "Filter out the value of that cell."),
        Key("filtering.pick('user')", ("u",), "u", "User", "Choose a user to filter by."),
        Key("filtering.pick('cgroup')", ("C",), "C", "Control group",
            "Choose a control group (container) to filter by."),
        Key("sorting.step(1)", ("greater_than_sign",), ">", "Sort →", "Sort by the next column.", footer=True),
        Key("sorting.step(-1)", ("less_than_sign",), "<", "Sort ←", "Sort by the previous column."),
        Key("sorting.pick", ("s", "f6"), "s F6", "Sort by", "Choose a field to sort by, even one without a column."),
        Key("sorting.reverse", ("r", "I"), "r I", "Reverse", "Sort the other way round."),
        Key("marking.follow", ("F",), "F", "Follow", "Keep the cursor on its row wherever the row moves. Again: stop."),
        Key("marking.mark", ("m",), "m", "Mark", "Mark or unmark the row. Copy and export then take only marked rows."),
        Key("marking.unmark", ("U",), "U", "No marks", "Remove all marks."),
    )),
    ("Time", (
        Key("time_travel.pause", ("space", "p", "Z"), "Space p Z", "Pause",
            "Hold the screen; epolltop goes on observing. Again: continue.", footer=True),
        Key("time_travel.step(-1)", ("left_square_bracket",), "[", "Earlier",
            "One refresh back; the last minutes are kept."),
        Key("time_travel.step(1)", ("right_square_bracket",), "]", "Later", "One refresh forward."),
        Key("time_travel.step(-10)", ("left_curly_bracket",), "{", "Ten earlier", "Ten refreshes back."),
        Key("time_travel.step(10)", ("right_curly_bracket",), "}", "Ten later", "Ten refreshes forward."),
        Key("time_travel.now", ("equals_sign",), "=", "Now", "Return to now."),
        Key("time_travel.plus", ("plus",), "+", "Refresh less", "Refresh less often; a replay: play faster."),
        Key("time_travel.minus", ("minus",), "-", "Refresh more", "Refresh more often; a replay: play slower."),
        Key("time_travel.seek", ("at",), "@", "Go to",
            "In a replay: go to a time of day, or to a time since the start."),
    )),
    ("Export and copy", (
        Key("exporting.export", ("e",), "e", "Export", "Write what is shown to a JSON file in the working directory.",
            footer=True),
        Key("exporting.export_as", ("E",), "E", "Export as",
            "Write it as JSON, CSV, Markdown or text, or the screen as SVG."),
        Key("exporting.copy_row", ("y",), "y", "Copy row",
            "Send the row, or marked rows, to the terminal's clipboard (OSC 52)."),
        Key("exporting.copy_table", ("Y",), "Y", "Copy table", "Send the table, or its marked rows, to the clipboard."),
    )),
    ("epolltop", (
        Key("pages.help", ("question_mark", "h", "f1"), "? h F1", "Help", "Keys, columns and the filter.", footer=True),
        Key("command_palette", ("colon", "ctrl+p"), ": ^P", "Commands", "All actions by name."),
        Key("whole_screen.redraw", ("ctrl+l",), "^L", "Redraw", "Draw the screen again, and choose its columns anew."),
        Key("suspend_process", ("ctrl+z",), "^Z", "Suspend", "To the shell; fg continues.", everywhere=("ctrl+z",)),
        Key("quit", ("q", "ctrl+c", "f10"), "q ^C F10", "Quit", "Leave.", footer=True, everywhere=("f10", "ctrl+c")),
        # Textual's own ^Q would quit; but people press it to continue output that they stopped with ^S.
        Key("whole_screen.go_on", ("ctrl+q",), "^Q", "Go on",
            "Does nothing: ^S does not hold the screen. Space does, and q quits.", everywhere=("ctrl+q",)),
    )),
)  # fmt: skip

KEYS = tuple(key for _, group in GROUPS for key in group)
ACTIONS = {bound: key.action for key in KEYS for bound in key.keys}
"""By key."""
PAGES = frozenset(bound for key in KEYS for bound in key.keys if key.command.startswith("pages."))
"""Those that open a page, in place of another one, too."""
EVERYWHERE = frozenset(bound for key in KEYS for bound in key.everywhere)

MOVES = (
    ("↑ ↓ k j", "Move the cursor."),
    ("PgUp PgDn ^U ^D", "Move by a page, by half a page."),
    ("g Home, G End", "First row, last row."),
    ("← →", "Move along the cells of a row, and scroll the columns."),
    ("mouse", "Click to select, double-click to open. Click a heading to sort, again to reverse."),
)
"""Keys that the tables have of their own."""


def at_tables() -> Iterator[Binding]:
    """Bindings of the widget that contains the tables and panes.

    They have priority: without it a key acts only after it has come up from the focused widget to the app, when keys
    that were typed later may have gone where it takes the focus from.
    """
    for key in KEYS:
        for bound, display in key.displays:
            if bound not in key.everywhere:
                yield _binding(key, bound, display, priority=True)


def in_app() -> Iterator[Binding]:
    """Bindings of the app: keys that work everywhere, and the others for when nothing has the focus."""
    for key in KEYS:
        for bound, display in key.displays:
            if bound in key.everywhere:
                yield _binding(key, bound, display, priority=True)
    for binding in at_tables():
        yield replace(binding, priority=False)


def _binding(key: Key, bound: str, display: str, *, priority: bool) -> Binding:
    return Binding(bound, key.action, key.label, key.footer, display, priority)
