"""The functions of keys: they act on the main screen, a module for each kind. `epolltop.ui.keys` names them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from epolltop.ui.commands import exporting, filtering, marking, navigate, pages, sorting, time_travel, whole_screen
from epolltop.ui.main_screen import MainScreen

_MODULES: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (exporting, filtering, marking, navigate, pages, sorting, time_travel, whole_screen)
}
_OFFERED: dict[str, Callable[[MainScreen], bool]] = {
    "navigate.back": navigate.can_go_back,
    "filtering.type_filter": filtering.can_type,
}
"""For commands that do nothing in some places: the condition under which they act."""


def command(name: str) -> Callable[..., Any]:
    """The function that a key names: its module, a dot, its own name. KeyError, AttributeError: there is none."""
    module, _, function = name.partition(".")
    found: Callable[..., Any] = getattr(_MODULES[module], function)
    return found


async def run(screen: MainScreen, name: str, *arguments: Any) -> None:
    """Runs a command to its end; one that opens something ends when that is open."""
    ends = command(name)(screen, *arguments)
    if inspect.isawaitable(ends):
        await ends


def is_offered(screen: MainScreen, name: str) -> bool:
    """Whether a command does something here."""
    return name not in _OFFERED or _OFFERED[name](screen)
