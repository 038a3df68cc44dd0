"""The help and the palette have every key."""

from __future__ import annotations

import re

import pytest

from epolltop.query.view import SUBJECTS
from epolltop.ui.dialogs.help import Help
from epolltop.ui.keys import KEYS, MOVES, Key
from tests.support.fake_source import batch_of

from .app_on_screen import NODE, on_screen


async def test_help_lists_every_key_and_every_field() -> None:
    async with on_screen(size=(120, 600)) as screen:
        for opener in ("question_mark", "h", "f1"):
            await screen.press(opener)
            await screen.sees("Keys", "Filter", "Processes", "Events")
            help_text = screen.text
            await screen.press(opener)
            await screen.until(lambda: not isinstance(screen.app.screen, Help))
        for key in KEYS:
            assert key.shown in help_text
            assert key.help.split(". ")[0] in help_text
        for shown, _ in MOVES:
            assert shown in help_text
        for subject in SUBJECTS.values():
            _, found, section = help_text.partition(f"│  {subject.title}  ")
            assert found, subject.title
            for field in subject.fields:
                assert re.search(rf"\s{re.escape(field.title)}\s", section), (subject.id, field.title)
                assert field.help.split()[0] in section


async def test_the_screen_goes_on_under_the_help() -> None:
    async with on_screen() as screen:
        await screen.press("question_mark")
        await screen.tick(batch_of(NODE))
        await screen.until_the_gone_are_gone()
        await screen.press("escape")
        await screen.until(lambda: screen.rows() == ["99"])


SPELT = {
    "backslash": "\\",
    "colon": ":",
    "enter": "Enter",
    "escape": "Esc",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "minus": "-",
    "plus": "+",
    "question_mark": "?",
    "shift+tab": "Shift-Tab",
    "backspace": "Backspace",
    "exclamation_mark": "!",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "equals_sign": "=",
    "at": "@",
    "slash": "/",
    "space": "Space",
    "tab": "Tab",
}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.command)
def test_help_spells_every_key_that_is_bound(key: Key) -> None:
    bound = [re.sub(r"f\d+|\^.", lambda found: found[0].upper(), name.replace("ctrl+", "^")) for name in key.keys]
    assert sorted(SPELT.get(name, name) for name in bound) == sorted(key.shown.split())


async def test_every_action_is_a_command_of_the_palette() -> None:
    async with on_screen() as screen:
        commands = {command.title: command.help for command in screen.app.get_system_commands(screen.app.screen)}
        wanted = {f"{key.label} ({key.shown.split()[0]})": key.help for key in KEYS if key.command != "command_palette"}
        assert wanted.items() <= commands.items()
        await screen.press("colon", *"earlier", "enter")
        await screen.sees("PAUSED")
