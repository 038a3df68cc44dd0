"""The key table: bindings, footer, help and README read it. To add a key, add it here and an action_* to the app."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """One action and its keys."""

    action: str
    """Name of the app's action."""
    keys: tuple[str, ...]
    """As Textual spells them; the first one is shown."""
    shown: str
    """As a person reads them."""
    label: str
    """For the footer, one word."""
    help: str
    footer: bool = True
    everywhere: tuple[str, ...] = ()
    """Those of the keys that the app looks at before the focused widget does: in the filter bar and in dialogs too."""


KEYS = (
    Key(
        "filter",
        ("slash", "backslash", "f4"),
        "/ \\ F4",
        "Filter",
        "Show only processes that match; Esc clears it.",
        everywhere=("slash", "backslash", "f4"),
    ),
    Key("pause", ("space", "p", "Z"), "Space p Z", "Pause", "Hold what is shown; observing goes on. Again: go on."),
    Key("sort_next", ("greater_than_sign",), ">", "Sort →", "Sort by the next column."),
    Key("sort_previous", ("less_than_sign",), "<", "← Sort", "Sort by the previous column.", footer=False),
    Key("reverse", ("r", "I"), "r I", "Reverse", "Sort the other way round."),
    Key("export", ("e",), "e", "Export", "Write what is shown to a JSON file in the working directory."),
    Key("slower", ("plus",), "+", "Slower", "Refresh less often.", footer=False),
    Key("faster", ("minus",), "-", "Faster", "Refresh more often.", footer=False),
    Key("focus_next", ("tab",), "Tab", "Next pane", "Go to the next table.", footer=False),
    Key("focus_previous", ("shift+tab",), "Shift-Tab", "Previous", "Go to the table before.", footer=False),
    Key("back", ("escape",), "Esc", "Back", "Close what is open, else clear the filter. Never quits.", footer=False),
    Key("redraw", ("ctrl+l",), "^L", "Redraw", "Draw the screen again.", footer=False),
    Key("command_palette", ("colon", "ctrl+p"), ": ^P", "Commands", "All actions by name.", footer=False),
    Key("suspend_process", ("ctrl+z",), "^Z", "Suspend", "Back to the shell; fg goes on.", False, ("ctrl+z",)),
    Key("help", ("question_mark", "h", "f1"), "? h F1", "Help", "Keys and columns."),
    Key(
        "quit",
        ("q", "f10", "ctrl+c", "ctrl+q"),
        "q ^C ^Q F10",
        "Quit",
        "Leave.",
        everywhere=("f10", "ctrl+c", "ctrl+q"),
    ),
)

MOVES = (
    ("↑ ↓ k j", "Move the cursor."),
    ("PgUp PgDn ^U ^D", "Move by a page, by half a page."),
    ("g Home, G End", "First row, last row."),
    ("← →", "Scroll columns."),
    ("click on a heading", "Sort by it; again: the other way round."),
)
"""Keys that the tables have of their own."""


def bindings() -> list[Binding]:
    """For the app."""
    made = []
    for key in KEYS:
        elsewhere = [bound for bound in key.keys if bound not in key.everywhere]
        for bound, everywhere in ((elsewhere, False), (key.everywhere, True)):
            if bound:
                made.append(
                    Binding(
                        ",".join(bound),
                        key.action,
                        key.label,
                        show=key.footer and not (everywhere and elsewhere),
                        key_display=key.shown.split()[0],
                        priority=everywhere,
                    )
                )
    return made
