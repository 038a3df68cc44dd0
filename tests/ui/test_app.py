"""The screen from the first snapshot to the end."""

from __future__ import annotations

import re
import threading

import pytest
from rich.console import RenderableType

from epolltop.errors import SourceUnavailable
from epolltop.ui.terminal import partial_update
from epolltop.ui.terminal.partial_update import Spans, narrowed
from tests.support.fake_source import ScriptedSource, Task, batch_of

from .app_on_screen import ALL, NGINX, on_screen

pytestmark = pytest.mark.usefixtures("in_a_directory_of_its_own")


async def test_the_first_snapshot_shows_rows_and_headline() -> None:
    async with on_screen() as screen:
        await screen.sees("24 instances in 3 processes", "created 5", "epoll_create=tracepoint:one +1")
        assert screen.rows() == ["77", "42", "99"]  # most instances first
        assert "redis-server *:" in screen.text
        assert "instances of redis-server (77)" in screen.text


class SlowSource(ScriptedSource):
    """Opens when it is told."""

    def __init__(self) -> None:
        super().__init__(batch_of(*ALL))
        self.may_open = threading.Event()

    def open(self) -> None:
        assert self.may_open.wait(10)


async def test_before_the_first_snapshot_it_says_what_it_does() -> None:
    source = SlowSource()
    try:
        async with on_screen(source=source, wait=False) as screen:
            await screen.sees("attaching probes", "Attaching probes and looking for instances that exist already.")
            await screen.press(
                "down", "space", "slash", *"nginx", "enter", "greater_than_sign", "r", "e", "tab", "down"
            )
            await screen.sees("There is nothing to export yet.")
            source.may_open.set()
            await screen.until(lambda: screen.rows() == ["42"])
    finally:
        source.may_open.set()


async def test_one_worker_observes() -> None:
    async with on_screen() as screen:
        assert [worker.name for worker in screen.app.workers].count("_observe") == 1


async def test_only_what_changed_goes_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def tap(update: RenderableType | None) -> RenderableType | None:
        if isinstance(cut := narrowed(update), Spans):
            written.append(cut.render_segments(screen.app.console))
        return cut

    async with on_screen(batch_of(Task(42, open=3, failed=1))) as screen:
        await screen.tick()
        monkeypatch.setattr(partial_update, "narrowed", tap)
        await screen.tick(batch_of(Task(42, open=3, failed=7)))
        text = "".join(written)
        row = screen.within("#processes")[1]
        assert re.search(r"\b42 .*\b7\b", row)
        assert re.search(r"\b7\b", text)
        for unchanged in ("www-data", "nginx", "Processes", "epoll_create"):
            assert unchanged not in text
        assert "failed 7" in text  # the header's line of totals


async def test_rates_follow_the_source() -> None:
    async with on_screen(batch_of(NGINX)) as screen:
        await screen.tick(batch_of(Task(42, open=3, created=1505, released=2)))
        assert re.search(r"\b1500 +0 +0 +1505 +2\b", screen.within("#processes")[1])
        await screen.tick()
        assert re.search(r"\b0 +0 +1505 +2\b", screen.within("#processes")[1])


async def test_the_rates_on_screen_are_those_of_a_whole_refresh() -> None:
    async with on_screen(batch_of(NGINX)) as screen:
        polls = screen.source.polls
        for second in range(1, 4):
            await screen.tick(batch_of(Task(42, open=3, created=5 + 50 * second, released=2)))
            assert screen.source.polls == polls + second  # nobody else polls in between
            assert re.search(r"\b50\.0 ", screen.within("#processes")[1])


async def test_plus_and_minus_change_the_refresh() -> None:
    async with on_screen(delay_s=0.5) as screen:
        await screen.press("plus")
        await screen.sees("every 1.0s")
        await screen.press("minus", "minus")
        await screen.sees("every 250ms")
        await screen.press("minus")
        await screen.sees("every 250ms")


@pytest.mark.parametrize(("delay_s", "key"), [(0.1, "minus"), (30.0, "plus")])
async def test_a_refresh_beyond_the_steps_is_not_turned_into_its_opposite(delay_s: float, key: str) -> None:
    async with on_screen(delay_s=delay_s, wait=False) as screen:
        await screen.press(key)
        assert screen.session.delay_s == delay_s


async def test_pause_holds_all_of_one_moment_and_tells_of_now() -> None:
    async with on_screen() as screen:
        await screen.press("space")
        await screen.sees("PAUSED at", "0s ago; Space or = returns to now")
        await screen.tick(batch_of(*ALL, Task(5, "late", open=50)))
        await screen.sees("24 instances in 3 processes", "1.0s ago", "with 74 instances")
        assert screen.rows() == ["77", "42", "99"]
        await screen.press("slash", *"nginx", "enter")
        assert screen.rows() == ["42"]
        await screen.press("escape", "space")
        assert screen.rows() == ["5", "77", "42", "99"]
        assert "PAUSED" not in screen.text


async def test_a_source_that_fails_leaves_a_banner_and_the_last_data() -> None:
    async with on_screen() as screen:
        screen.source.then(OSError(5, "Input/output error"))
        screen.session.steps.release()
        await screen.sees("STOPPED: OSError: [Errno 5] Input/output error")
        assert screen.rows() == ["77", "42", "99"]
        await screen.press("slash", *"nginx", "enter")
        await screen.until(lambda: screen.rows() == ["42"])
        await screen.press("q")
        await screen.until(lambda: not screen.app.is_running)
        assert screen.app.return_code == 0


async def test_a_source_that_cannot_be_opened_ends_the_app_with_its_reason() -> None:
    refusal = SourceUnavailable("privileges")
    async with on_screen(refusal, wait=False) as screen:
        await screen.until(lambda: not screen.app.is_running)
        assert screen.app.return_value is refusal
        assert screen.app.return_code == 1


async def test_who_lets_output_go_on_stays() -> None:
    async with on_screen() as screen:
        await screen.press("ctrl+s", "ctrl+q")
        await screen.sees("^Q does not quit; q does.")
        await screen.press("slash", "n", "ctrl+q")
        await screen.sees("24 instances in 3 processes")
        assert screen.app.is_running


@pytest.mark.parametrize("key", ["q", "ctrl+c", "f10"])
async def test_quitting(key: str) -> None:
    async with on_screen() as screen:
        await screen.press(key)
        await screen.until(lambda: not screen.app.is_running)
        assert screen.app.return_code == 0
        assert screen.app.return_value is None
    assert screen.source.closed


@pytest.mark.parametrize("key", ["ctrl+c", "f10"])
async def test_quitting_from_the_filter_bar(key: str) -> None:
    async with on_screen() as screen:
        await screen.press("slash", "x", key)
        await screen.until(lambda: not screen.app.is_running)


@pytest.mark.parametrize("key", ["ctrl+c", "f10"])
async def test_quitting_from_the_help(key: str) -> None:
    async with on_screen() as screen:
        await screen.press("question_mark", key)
        await screen.until(lambda: not screen.app.is_running)
