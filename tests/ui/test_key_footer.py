"""What the footer keeps of keys that it shows no longer."""

from __future__ import annotations

import gc

from textual.widgets._footer import FooterKey

from .app_on_screen import on_screen

VIEWS = 10


async def test_it_lets_go_of_the_keys_of_views_that_were_left() -> None:
    def kept() -> int:
        gc.collect()
        return sum(isinstance(each, FooterKey) for each in gc.get_objects())

    async with on_screen() as screen:
        for _ in range(VIEWS):
            for key, seen in (("2", "instances"), ("1", "processes")):
                await screen.press(key)
                await screen.sees(seen)
        shown = len(screen.app.screen.query(FooterKey))
        assert shown
        assert kept() <= 3 * shown, "Textual itself may be a view behind"
