"""The private names of Textual that we use, and what is lost if a release changes them.

A module of this folder asks `as_known` before it relies on such a name. If the name has changed, the module leaves the
behaviour to Textual. No module outside this folder uses such names.
"""

from __future__ import annotations

import functools
import inspect
import pkgutil
from typing import NamedTuple


class PrivateName(NamedTuple):
    """A function or class of Textual's, and how we know it."""

    user: str
    """The module of this folder that uses it."""
    where: str
    """As pkgutil.resolve_name takes it."""
    parameters: tuple[str, ...] | None = None
    """Those it is called with; None: nobody calls or replaces it."""
    mentions: str = ""
    """A name in its code: by that name the two meet."""


_APP, _DRIVER, _UPDATE = (
    "textual.app:App",
    "textual.drivers.linux_driver:LinuxDriver",
    "textual._compositor:ChopsUpdate",
)

NAMES = (
    PrivateName("decoding", f"{_DRIVER}.run_input_thread", mentions="getincrementaldecoder"),
    PrivateName("driver", f"{_DRIVER}._get_terminal_size", ("self",)),
    PrivateName("driver", f"{_DRIVER}._run_input_thread", mentions="run_input_thread"),
    PrivateName("driver", f"{_DRIVER}.process_message", ("self", "message")),
    PrivateName("driver", f"{_DRIVER}.run_input_thread", ("self",)),
    PrivateName("own_terminal", f"{_DRIVER}.__init__", mentions="__stderr__"),
    PrivateName("partial_update", _UPDATE, ("chops", "spans", "chop_ends")),
    PrivateName("partial_update", f"{_UPDATE}.render_segments", ("self", "console")),
    PrivateName("partial_update", f"{_APP}._display", ("self", "screen", "renderable")),
    PrivateName("scrollbar", f"{_APP}._start_widget", ("self", "parent", "widget")),
    PrivateName("scrollbar", "textual.widget:Widget.vertical_scrollbar.fget", mentions="_vertical_scrollbar"),
    PrivateName("suspend", f"{_DRIVER}.__init__", mentions="SIGCONT"),
    PrivateName("suspend", f"{_DRIVER}.__init__", mentions="SIGTSTP"),
    PrivateName("terminal_app", f"{_APP}._close_messages_no_wait", ("self",)),
    PrivateName("terminal_app", f"{_APP}._fatal_error", ("self",)),
    PrivateName("terminal_app", f"{_APP}._handle_exception", ("self", "error"), "_fatal_error"),
    PrivateName("terminal_app", f"{_APP}.exit", mentions="_exit"),
    PrivateName("terminal_app", f"{_APP}.exit", mentions="_return_code"),
)

LOST = {
    "decoding": "A byte from the keyboard that is not UTF-8 ends the screen.",
    "driver": "Ctrl-C does not leave a busy screen, nor does a closed terminal; a huge COLUMNS takes memory.",
    "own_terminal": "Output of the compiler and libbpf appears on the screen, and a slow terminal delays epolltop.",
    "partial_update": "Each change sends the whole line to the terminal: several times the bytes.",
    "scrollbar": "The scroll bar of a table is painted at each refresh: more bytes to the terminal.",
    "suspend": "Ctrl-Z and fg at once may leave the screen stopped, or the terminal as the screen needs it.",
    "terminal_app": "An error of our own prints a long traceback over the shell, with no file to send.",
}
"""What a person loses if a module leaves the behaviour to Textual, by module."""


def changed(name: PrivateName) -> str:
    """How it differs from what we know; empty: it does not."""
    try:
        found = pkgutil.resolve_name(name.where)
    except (AttributeError, ImportError):
        return "is gone"
    if name.parameters is not None and (now := tuple(inspect.signature(found).parameters)) != name.parameters:
        return f"takes {now}"
    if name.mentions and name.mentions not in found.__code__.co_names:
        return f"does without {name.mentions}"
    return ""


@functools.cache
def as_known(user: str) -> bool:
    """Whether all that a module of this folder uses is as we know it."""
    return not any(changed(name) for name in NAMES if name.user == user)
