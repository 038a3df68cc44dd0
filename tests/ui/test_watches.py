"""The view of watches on the screen: of one instance or loop, and of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from epolltop.model.batch import Batch
from epolltop.model.watch import InterestList, Target, TargetKind, Watch
from tests.support.fake_source import Task, batch_of, file_of

from .app_on_screen import on_screen
from .test_loops import after

TWO = Task(42, "nginx", "nginx: worker process", open=2)
OUTER, INNER = TWO.files
CLIENT = Target(TargetKind.TCP, "127.0.0.1:8080 ← 10.0.0.7:51312", (("state", "ESTABLISHED"), ("unread", 5)))
LISTS = {
    OUTER: InterestList((
        Watch(5, 1, 5, Target(TargetKind.EPOLL, "[eventpoll]"), False, False, nested=INNER),
        Watch(7, 0x80000005, 7, CLIENT, False, True),
        Watch(9, 1, 9, Target(TargetKind.UNIX, r"@\x1b[2J[red]"), True, None),
    )),
    INNER: InterestList((Watch(11, 1, 11, Target(TargetKind.TIMERFD, "every 1.0s"), False, False),)),
}  # fmt: skip


def reading(lists: Mapping[int, InterestList], task: Task = TWO) -> Batch:
    return replace(batch_of(task), interest=lists)


async def test_enter_on_an_instance_shows_what_it_watches_and_on_a_nested_one_what_that_does() -> None:
    async with on_screen(reading(LISTS), size=(150, 40)) as screen:
        await screen.press("2", "enter")
        await screen.sees("▸ fd 4", "3 rows, by FD▲", "127.0.0.1:8080 ← 10.0.0.7:51312")
        lines = [line.split() for line in screen.within("#watches")[:4]]
        assert lines[0][:7] == ["FD▲", "KIND", "EVENTS", "MODE", "STALE", "SHARED", "STATE"]
        assert [line[0] for line in lines[1:]] == ["▸", "7", "9"]
        assert lines[3][1:] == ["unix", "IN", "level", "yes", "?", "-", r"@\x1b[2J[red]"]
        assert "epoll instance" in "\n".join(screen.within("#page"))
        await screen.press("enter")
        await screen.sees("▸ fd 4 ▸ fd 5", "every 1.0s", "1 row")
        await screen.press("enter")
        assert not screen.app.query_one("#watches").is_on_screen, "the last is the detail alone"
        await screen.press("escape", "escape")
        await screen.sees("▸ fd 4", "3 rows")
        await screen.press("escape")
        assert screen.app.query_one("#instances").is_on_screen


async def test_they_are_filtered_and_sorted_by_their_words() -> None:
    async with on_screen(reading(LISTS)) as screen:
        await screen.press("2", "enter", "slash", *"stale>0", "enter")
        await screen.sees("1 of 3 rows")
        await screen.press("slash", *"kind:pipe", "enter")
        await screen.sees("None of 3 watches matches the filter")


async def test_enter_on_a_loop_shows_what_it_waits_for_beside_its_story() -> None:
    lists = {file_of(42, 0): LISTS[INNER]}
    async with on_screen(
        replace(after(1), interest=lists), replace(after(2), interest=lists), size=(150, 40)
    ) as screen:
        await screen.press("4", "enter")
        await screen.sees("▸ nginx 42/4", "every 1.0s", "event loop nginx 42/4")
        await screen.tick()
        assert list(screen.source.asked) == [file_of(42, 0)]


async def test_only_what_is_on_screen_is_read_and_all_of_it_in_the_view_of_all() -> None:
    async with on_screen(batch_of(TWO)) as screen:
        await screen.press("5")
        await screen.sees("is not known yet. So far, the lists of 0 of 2")
        await screen.tick()
        assert list(screen.source.asked) == [OUTER, INNER]
        await screen.tick(reading({OUTER: LISTS[OUTER]}))
        await screen.sees("3 rows", "127.0.0.1:8080", "the lists of 1 of 2 instances were read")
        await screen.tick(reading({INNER: LISTS[INNER]}))
        await screen.sees("4 rows", "every 1.0s")
        assert "were read" not in screen.text
        await screen.press("1")
        await screen.tick()
        assert list(screen.source.asked) == []


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({}, "Reading its list…"),
        ({OUTER: InterestList(())}, "It watches nothing"),
    ],
)
@pytest.mark.parametrize("size", [(150, 40), (60, 20), (40, 12)])
async def test_an_empty_list_says_why(lists: Mapping[int, InterestList], said: str, size: tuple[int, int]) -> None:
    async with on_screen(reading(lists), size=size) as screen:
        await screen.press("2", "enter")
        await screen.sees(said)


async def test_of_an_instance_that_is_gone_nothing_is_shown() -> None:
    async with on_screen(replace(batch_of(TWO, exact=False), interest=LISTS)) as screen:
        await screen.press("2", "enter")
        await screen.tick(batch_of(replace(TWO, open=0), exact=False))
        await screen.until_the_gone_are_gone()
        await screen.sees("The instance is not open any more.")


async def test_the_story_is_there_in_full_although_there_is_no_watch() -> None:
    async with on_screen(reading({}), size=(60, 15)) as screen:
        await screen.press("2", "enter", "enter")
        await screen.sees("epoll instance")
