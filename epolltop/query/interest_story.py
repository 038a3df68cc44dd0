"""What an instance watches, in words: a line for each watch."""

from __future__ import annotations

from collections.abc import Iterator

from epolltop.model.instance import Instance
from epolltop.model.watch import Watch
from epolltop.query.watch_words import LEVEL, NO_EVENT, event_words, mode_words
from epolltop.text.numbers import UNKNOWN, grouped, plural

WATCHES_TOLD = 500
"""Watches that are told one by one; a pane of more lines takes too long to draw."""


def interest_lines(instance: Instance) -> Iterator[tuple[str | None, str]]:
    """Labelled lines: how many, and each by its descriptor."""
    number = UNKNOWN if instance.watches is None else plural(instance.watches, "registration")
    interest = instance.interest
    if interest is None:
        yield "watches", number
        return
    stale = f", {grouped(interest.stale)} of them stale" if interest.stale else ""
    yield "watches", f"{number}{stale}"
    for watch in interest.watches[:WATCHES_TOLD]:
        yield f"  {watch.fd}", _told(watch)
    if rest := interest.length - len(interest.watches[:WATCHES_TOLD]):
        yield "", f"and {grouped(rest)} more"


def _told(watch: Watch) -> str:
    state = dict(watch.target.details).get("state")
    events, mode = event_words(watch.events), mode_words(watch.events)
    words = [
        watch.target.title,
        *([str(state)] if state else []),
        "no event" if events == NO_EVENT else events,
        *([mode] if mode != LEVEL else []),
    ]
    return ("STALE " if watch.stale else "") + " ".join(words)
