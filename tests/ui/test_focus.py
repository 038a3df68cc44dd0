"""What the screen has the source look at."""

from __future__ import annotations

from tests.support.fake_source import Task, batch_of, file_of

from .app_on_screen import on_screen


async def test_only_the_selected_process_has_its_interest_lists_measured() -> None:
    async with on_screen() as screen:
        assert len(screen.source.focus) == 20
        await screen.press("down")
        await screen.tick()
        assert set(screen.source.focus) == {file_of(42, number) for number in range(3)}


async def test_only_the_instance_whose_details_are_shown_has_its_watches_named() -> None:
    async with on_screen() as screen:
        assert screen.source.asked == {}
        await screen.press("2", "down")
        await screen.tick()
        (file,) = screen.source.asked
        await screen.press("down")
        await screen.tick()
        (other,) = screen.source.asked
        assert other != file
        await screen.press("1")
        await screen.tick()
        assert screen.source.asked == {}


async def test_processes_on_screen_are_those_that_are_read_first() -> None:
    many = [Task(pid, open=1) for pid in range(1000, 1200)]
    async with on_screen(batch_of(*many)) as screen:
        await screen.tick()
        seen = {key.pid for key in screen.source.shown}
        assert 1000 in seen
        assert len(seen) < 40
        await screen.press("end")
        await screen.tick()
        assert 1199 in {key.pid for key in screen.source.shown}
        await screen.press("2")
        await screen.tick()
        assert 0 < len(screen.source.shown) < 40
