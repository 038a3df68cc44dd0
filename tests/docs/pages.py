"""Reads the pages of docs/events: their parts have a form, so that tests can ask for them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

EVENTS = Path(__file__).parents[2] / "docs" / "events"
UNVERIFIED = "(not verified here)"
ELSEWHERE = "([verified on other kernels](../kernels.md))"
"""By tests/rungs in `make test-vm`."""

Check = TypeVar("Check", bound=Callable[..., None])


def text(page: str) -> str:
    return (EVENTS / f"{page}.md").read_text(encoding="ascii")


def section(page: str, *titles: str) -> str:
    """What stands under a heading, and under a heading in that, up to the next of the same level or above."""
    part = text(page)
    for level, title in enumerate(titles, start=2):
        _, heading, rest = part.partition(f"\n{'#' * level} {title}\n")
        assert heading, f"{page}: nothing under {' / '.join(titles)}"
        part = re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return part


def bullets(part: str) -> list[str]:
    """The items of its lists, each on one line."""
    found: list[str] = []
    for line in part.splitlines():
        if line.startswith("- "):
            found.append(line[2:])
        elif line.startswith("  ") and not line.startswith("    ") and found:
            found[-1] += f" {line.strip()}"
    return found


def blocks(part: str) -> list[str]:
    """Fenced and indented code, in order."""
    fenced = re.findall(r"^```\w*\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```\w*\n.*?^```$", "", part, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"(?:^ {4}.*\n(?:\n(?= {4}))?)+", rest, re.MULTILINE)
    return [*fenced, *(re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in indented)]


class Proofs:
    """The statements of a page and what checks them."""

    def __init__(self, page: str, *places: tuple[str, ...]) -> None:
        """The lists under these headings are statements."""
        self._page, self._places = page, places
        self.proven: list[str] = []

    def stated(self) -> list[str]:
        """What the page states without a reservation."""
        items = [item for place in self._places for item in bullets(section(self._page, *place))]
        return [item for item in items if UNVERIFIED not in item and ELSEWHERE not in item]

    def __call__(self, *sentences: str) -> Callable[[Check], Check]:
        """Marks a test as the check of a statement; it first looks whether the page still makes it."""
        self.proven.extend(sentences)

        def mark(check: Check) -> Check:
            @functools.wraps(check)
            def checked(*args: object, **kwargs: object) -> None:
                for sentence in sentences:
                    assert sentence in self.stated(), f"{self._page} does not say this: {sentence}"
                check(*args, **kwargs)

            return checked  # type: ignore[return-value]

        return mark
