"""The manual: a page of docs/events about an event, on the screen.

Drawn by Rich as one text: Textual's Markdown widget makes a widget of every paragraph, which takes ten times as long.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from pathlib import Path

from rich.markdown import Markdown
from textual.app import ComposeResult
from textual.widgets import Static

from epolltop.ui.dialogs.pager import Page, Pager

_PAGES = {
    "epoll_create": "epoll_create",
    "epoll_create1": "epoll_create",
    "files_free": "files_free",
    "epoll_found": "epoll_found",
    "epoll_gone": "epoll_gone",
}
"""By the name of the event: the two calls that create share one page."""


def events_directory() -> Path:
    """Where the pages are: inside the installed package, or in docs of a checkout."""
    package = Path(str(importlib.resources.files("epolltop")))
    installed = package / "events"
    return installed if installed.is_dir() else package.parent / "docs" / "events"


def page(event_name: str) -> str:
    """The page about an event.

    Args:
        event_name: as query.event_fields.event_name gives it, and records bear it.

    Returns:
        Markdown, ASCII.

    Raises:
        KeyError: no event bears that name.
    """
    return (events_directory() / f"{_PAGES[event_name]}.md").read_text(encoding="ascii")


class Manual(Page):
    """One page, scrolled. Links show where they lead, and cannot be opened."""

    def __init__(self, event_name: str, readable: Callable[[str], str]) -> None:
        """Reads the page.

        Args:
            event_name: see `page`.
            readable: applied to the whole text; str leaves it as it is.

        Raises:
            KeyError: no event bears that name.
        """
        super().__init__(("d",))
        self._text = readable(page(event_name))

    def compose(self) -> ComposeResult:
        with Pager(id="manual"):
            yield Static(Markdown(self._text, code_theme="ansi_dark", hyperlinks=False))
