"""The manual: a page of docs/events about an event, or a section of docs/findings.md, on the screen.

Drawn by Rich as one text: Textual's Markdown widget makes a widget of every paragraph, which takes ten times as long.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.markdown import Markdown
from textual.app import ComposeResult
from textual.widgets import Static

from epolltop.findings.families import RULES
from epolltop.ui.dialogs.pager import Page, Pager

_PAGES = {
    "epoll_create": "epoll_create",
    "epoll_create1": "epoll_create",
    "files_free": "files_free",
    "epoll_found": "epoll_found",
    "epoll_gone": "epoll_gone",
}
"""By the name of the event: the two calls that create share one page."""
_FINDINGS = Path("..", "findings.md")
_NEXT, _END = "\n## ", "\n<!--"


def events_directory() -> Path:
    """Where the pages are: inside the installed package, or in docs of a checkout."""
    package = Path(str(importlib.resources.files("epolltop")))
    installed = package / "events"
    return installed if installed.is_dir() else package.parent / "docs" / "events"


def page(name: str) -> str:
    """The page about an event or a finding.

    Args:
        name: of an event as query.event_fields.event_name gives it, or the id of a finding.

    Returns:
        Markdown, ASCII.

    Raises:
        KeyError: no event or finding bears that name.
    """
    if name in RULES:
        return _section(name)
    return (events_directory() / f"{_PAGES[name]}.md").read_text(encoding="ascii")


def _section(finding: str) -> str:
    """That of a finding, from its heading to the next."""
    pages = (events_directory() / _FINDINGS).read_text(encoding="ascii")
    _, heading, rest = pages.partition(f"\n## {finding}\n")
    return f"{heading.lstrip()}{rest.partition(_NEXT)[0].partition(_END)[0]}"


class Manual(Page):
    """One page, scrolled. Links show where they lead, and cannot be opened."""

    def __init__(self, name: str, readable: Callable[[str], str], changed: Sequence[str] = ()) -> None:
        """Reads the page.

        Args:
            name: see `page`.
            readable: applied to the whole text; str leaves it as it is.
            changed: thresholds that are not those of the page.

        Raises:
            KeyError: no event or finding bears that name.
        """
        super().__init__(("d",))
        notice = f"**Other thresholds here:** {'; '.join(changed)}.\n\n" if changed else ""
        self._text = readable(f"{notice}{page(name)}")

    def compose(self) -> ComposeResult:
        with Pager(id="manual"):
            yield Static(Markdown(self._text, code_theme="ansi_dark", hyperlinks=False))
