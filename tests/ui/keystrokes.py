"""Keys, pastes and clicks as they arrive, whether or not what came before was handled."""

from __future__ import annotations

from textual import events
from textual._xterm_parser import XTermParser
from textual.keys import _character_to_key

from .app_on_screen import Screen


def typed(key: str) -> events.Key:
    return events.Key(_character_to_key(key), key) if len(key) == 1 else events.Key(key, None)


async def at_once(screen: Screen, *keys: str) -> None:
    """As a slow line delivers them: all are there before the first one is handled."""
    for key in keys:
        screen.app.post_message(typed(key))
    await screen.settle()


async def sent(screen: Screen, text: str) -> None:
    """What a terminal sends, in one piece."""
    assert screen.app._driver is not None
    for message in XTermParser().feed(text):
        assert isinstance(message, events.Event)
        screen.app._driver.process_message(message)
    await screen.settle()


def click(x: int, y: int) -> str:
    """At a cell, the first one is 0."""
    return f"\x1b[<0;{x + 1};{y + 1}M\x1b[<0;{x + 1};{y + 1}m"


def pasted(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"
