from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import stat
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import RenderableType
from textual.widgets import Input

from epolltop.errors import SourceUnavailable
from epolltop.model.batch import Batch
from epolltop.model.counts import Totals
from epolltop.model.event import Kind
from epolltop.model.snapshot import Snapshot
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.field import Field
from epolltop.query.instance_fields import INSTANCE_FIELDS
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.story import raw_story
from epolltop.query.view import EVENTS, arranged
from epolltop.ui import main_screen
from epolltop.ui.dialogs.help import Help
from epolltop.ui.keys import KEYS, MOVES, Key
from epolltop.ui.terminal import partial_update
from epolltop.ui.terminal.partial_update import Spans, narrowed
from epolltop.ui.widgets.filter_bar import FilterBar
from epolltop.ui.widgets.header import Header
from tests.support.fake_source import START, ScriptedSource, Task, batch_of, file_of
from tests.support.records import NOW_NS, SECOND_NS, event
from tests.support.rows import process_row, snapshot

from .app_on_screen import ALL, NGINX, NODE, REDIS, Screen, on_screen

HOSTILE = Task(7, r"[bold]ev\x1bil[/]", "[red]rm -rf[/red] \u65e5\u672c")


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exports go to the working directory."""
    monkeypatch.chdir(tmp_path)


# What is shown.


async def test_the_first_snapshot_shows_rows_and_headline() -> None:
    async with on_screen() as screen:
        await screen.sees("24 instances in 3 processes", "created 5", "epoll_create=tracepoint:one +1")
        assert screen.rows() == ["77", "42", "99"]  # most instances first
        assert "redis-server *:" in screen.text
        assert "instances of redis-server (77)" in screen.text


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


async def test_lower_bounds_and_the_reason_for_them_are_told() -> None:
    script = batch_of(NGINX, exact=False, fallback="only /proc is read, since there is no root")
    async with on_screen(script) as screen:
        await screen.sees("created ≥", "note: only /proc is read, since there is no root")


async def test_the_refresh_is_told_also_where_much_is_lost() -> None:
    async with on_screen(batch_of(replace(NGINX, created=12_345_678), lost=1_234_567), size=(80, 24)) as screen:
        await screen.sees("lost 1,234,567", "every 1.0s")


async def test_a_note_hides_no_filter_and_a_cut_one_says_so() -> None:
    told = "only /proc is read, since nobody may load BPF programs here; remedy: " + "ask whoever may, " * 8 + "today"
    async with on_screen(batch_of(NGINX, exact=False, fallback=told), size=(80, 24), filter_text="nginx") as screen:
        await screen.press("space")
        await screen.sees("PAUSED", "filter: nginx", "note: only /proc is read", "… ? shows all")


async def test_all_of_what_cannot_be_seen_can_be_read_on_a_narrow_screen() -> None:
    told = "only /proc is read, since nobody may load BPF programs here; remedy: " + "ask whoever may, " * 8 + "today"
    async with on_screen(batch_of(NGINX, exact=False, fallback=told), size=(80, 36)) as screen:
        await screen.sees("note: only /proc is read, since nobody may", "… ? shows all")
        await screen.press("question_mark")
        await screen.sees("Not seen here", "today")


async def test_totals_are_not_cut_off_on_a_narrow_screen() -> None:
    async with on_screen(batch_of(NGINX), size=(80, 24)) as screen:
        await screen.tick(batch_of(Task(42, open=3, created=1_234_567, released=1_234_321, failed=98)))
        await screen.sees("created 1,234,567", "freed 1,234,321", "failed 98")


async def test_loss_is_not_overlooked() -> None:
    async with on_screen(batch_of(NGINX, lost=7)) as screen:
        await screen.sees("lost 7")
        line = next(y for y, line in enumerate(screen.lines) if "lost 7" in line)
        strip = screen.app.screen._compositor.render_strips()[line]
        assert any("lost 7" in s.text and s.style and s.style.reverse for s in strip)
        assert any("self" in s.text and s.style and not s.style.reverse for s in strip)


@pytest.mark.parametrize(
    ("script", "filter_text", "said"),
    [
        (batch_of(), "", "No process holds an epoll instance."),
        (batch_of(*ALL), "postgres", "None of 3 processes matches the filter 'postgres'."),
        (
            batch_of(*(Task(pid) for pid in range(1, 1002))),
            "none",
            "None of 1,001 processes matches the filter 'none'.",
        ),
        (batch_of(*ALL), "", "No instance was created or released yet."),
        (batch_of(), "", "No process is selected."),
        (batch_of(), "", "instances of no process"),
    ],
)
async def test_empty_panes_say_why(script: Batch, filter_text: str, said: str) -> None:
    async with on_screen(script, filter_text=filter_text) as screen:
        await screen.sees(said)


@pytest.mark.parametrize(("kind", "said"), [("replay", "only with --events"), ("bpf", "No instance was created")])
def test_a_file_that_counts_without_events_says_so(kind: str, said: str) -> None:
    whole = snapshot(process_row(7))
    counted = replace(whole, source=replace(whole.source, kind=kind), totals=Totals(created=4))
    assert said in EVENTS.empty(counted)


async def test_of_what_could_not_be_read_nothing_is_said() -> None:
    script = batch_of(exact=False)
    async with on_screen(replace(script, source=replace(script.source, unreadable=61))) as screen:
        await screen.sees("None of the processes that could be read holds an epoll instance; 61 could not be read.")
        await screen.sees("≥0 instances in ≥0 processes")


async def test_a_process_without_an_instance_says_so() -> None:
    async with on_screen(batch_of(Task(42, open=0))) as screen:
        await screen.tick(batch_of(Task(42, open=0, created=1, released=1)))
        await screen.sees("nginx (42) holds no instance now.")


async def test_hostile_names_are_drawn_literally() -> None:
    async with on_screen(batch_of(HOSTILE), size=(250, 40)) as screen:
        await screen.sees(HOSTILE.name, HOSTILE.command, f"instances of {HOSTILE.name} (7)")
        await screen.tick(batch_of(HOSTILE, events=[event(pid=7, name=HOSTILE.name)]))
        await screen.sees(f"{HOSTILE.name} (7) created an epoll")


async def test_a_filter_of_markup_is_shown_as_typed() -> None:
    async with on_screen(batch_of(HOSTILE)) as screen:
        await screen.press("slash", *"[bold]")
        await screen.sees("filter: [bold]", "[bold]ev")
        await screen.press(*"zz")
        await screen.sees("None of 1 processes matches the filter '[bold]zz'.")


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 36), (250, 70), (20, 5)])
async def test_header_footer_and_rows_at_every_size(size: tuple[int, int]) -> None:
    async with on_screen(size=size) as screen:
        await screen.until(lambda: " bpf" in screen.lines[0])
        assert len(screen.lines) == size[1]
        await screen.until(lambda: " Enter Open" in screen.lines[-1])
        assert "42" in screen.text or size[1] < 6  # four lines are header, heading, one row
        await screen.press("question_mark")
        await screen.until(lambda: isinstance(screen.app.screen, Help))
        await screen.press("escape", "slash", *"nginx", "enter", "space", "tab", "e")


async def test_columns_follow_the_size() -> None:
    async with on_screen(size=(20, 5)) as screen:
        for width, height, missing in ((60, 15, "CREATED"), (120, 36, "none"), (80, 24, "TREND")):
            await screen.pilot.resize_terminal(width, height)
            await screen.sees("PID", "OPEN", "COMMAND")
            assert missing not in screen.within("#processes")[0]
            assert len(screen.lines) == height
            widths = {len(strip) for strip in map(str.rstrip, screen.within("#processes"))}
            assert max(widths) <= width
            assert not screen.table("processes").show_horizontal_scrollbar


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_the_first_view_tells_when_descriptors_run_out(width: int) -> None:
    async with on_screen(batch_of(NGINX), size=(width, 24)) as screen:
        await screen.sees("FULL")
        titles, row = screen.within("#processes")[:2]
        assert {"FDS", "LIMIT", "FULL", "COMMAND"} <= set(titles.split())
        end = titles.index("FULL") + len("FULL")
        assert row[:end].split()[-1] in ("?", "-")
        await screen.tick(*(batch_of(replace(NGINX, fds=12 + 10 * step)) for step in range(1, 31)))
        same, row = screen.within("#processes")[:2]
        assert same == titles
        assert re.fullmatch("1m[0-9]+s", row[:end].split()[-1])  # 1,012 left, 10 a second


async def test_events_keep_the_argument_beside_their_detail() -> None:
    async with on_screen(batch_of(NGINX, events=[event()]), size=(120, 36)) as screen:
        await screen.press("3")
        await screen.sees("NAME            RESULT  ARG ", "created an epoll instance")


async def test_columns_about_containers_come_and_go_when_one_asks_not_with_a_refresh() -> None:
    def told() -> set[str]:
        return {"CONTAINER", "NSPID"} & set(screen.within("#processes")[0].split())

    async with on_screen(batch_of(*ALL), size=(140, 36)) as screen:
        assert not told()
        await screen.press("right")
        await screen.tick(batch_of(*ALL, Task(101, "web", container="3f2a81d09c" * 6 + "0d4c", ns_pid=1)))
        await screen.press("less_than_sign", "greater_than_sign", "slash", *"web", "escape")
        assert not told()
        await screen.press("ctrl+l")
        assert told() == {"CONTAINER", "NSPID"}
        (line,) = [line for line in screen.within("#processes") if " 101 " in line]
        assert {"3f2a81d09c3f", "1"} <= set(line.split())
        assert screen.table("processes").cursor_column == "pid"
        await screen.press("2", "1")
        await screen.sees("CONTAINER")
        await screen.tick(batch_of(*ALL))
        await screen.until_the_gone_are_gone()
        assert told() == {"CONTAINER", "NSPID"}
        await screen.press("2", "1")
        await screen.until(lambda: not told())


async def test_a_short_screen_still_tells_that_it_is_paused() -> None:
    async with on_screen(size=(60, 10)) as screen:
        await screen.press("space")
        await screen.sees("PAUSED")


# The selection.


async def test_the_selection_stays_on_its_process_when_rows_are_sorted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_screen, "ORDER_HELD_S", 0)
    async with on_screen() as screen:
        await screen.press("down")
        assert screen.marked() == "42"
        await screen.tick(batch_of(REDIS, NODE, Task(42, open=30)))
        assert screen.rows() == ["42", "77", "99"]
        assert screen.marked() == "42"
        await screen.sees("instances of nginx (42)")
        await screen.press("r")
        assert screen.rows() == ["99", "77", "42"]
        assert screen.marked() == "42"


async def test_the_order_is_held_for_two_seconds_after_the_cursor_moved() -> None:
    async with on_screen() as screen:
        await screen.press("down")
        await screen.tick(batch_of(REDIS, NODE, Task(42, open=30), Task(50, "new", open=99)))
        await screen.sees("order held")
        assert screen.rows() == ["77", "42", "99", "50"]
        screen.table("processes").moved_at = time.monotonic() - main_screen.ORDER_HELD_S
        await screen.tick()
        assert screen.rows() == ["50", "42", "77", "99"]
        assert "order held" not in screen.text
        assert screen.marked() == "42"


MANY = tuple(Task(number, open=number) for number in range(100, 300))


@pytest.mark.parametrize("key", ["less_than_sign", "r"])
async def test_a_sort_shows_its_top(key: str) -> None:
    async with on_screen(batch_of(*MANY)) as screen:
        await screen.press("G", key)
        top = "100" if key == "r" else screen.rows()[0]
        await screen.until(lambda: screen.rows()[0] == top)
        assert screen.table("processes").scroll_offset.y == 0
        assert screen.marked() in screen.rows()
        await screen.tick()
        assert screen.table("processes").scroll_offset.y == 0


async def test_a_sort_leaves_a_row_in_view_that_is_followed() -> None:
    async with on_screen(batch_of(*MANY)) as screen:
        await screen.press("G", "K", "K", "F", "less_than_sign")
        assert screen.marked() == "102"
        assert "102" in screen.rows()


async def test_a_key_that_sorts_is_stronger_than_the_held_order() -> None:
    async with on_screen() as screen:
        await screen.press("down", "r")
        assert screen.rows() == ["99", "42", "77"]


async def test_the_selection_stays_on_its_process_when_others_vanish() -> None:
    async with on_screen() as screen:
        await screen.press("down")
        await screen.tick(batch_of(NGINX))
        await screen.until_the_gone_are_gone()
        await screen.until(lambda: screen.rows() == ["42"])
        assert screen.marked() == "42"
        await screen.tick(batch_of(*ALL))
        await screen.until(lambda: len(screen.rows()) == 3)
        assert screen.marked() == "42"


async def test_a_selected_process_that_vanishes_leaves_its_line_to_another() -> None:
    async with on_screen() as screen:
        await screen.press("down")
        await screen.tick(batch_of(REDIS, NODE))
        await screen.until_the_gone_are_gone()
        await screen.until(lambda: screen.rows() == ["77", "99"])
        assert screen.marked() == "99"
        await screen.sees("instances of node (99)")


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


# The filter.


async def test_the_filter_applies_while_typing() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"ng")
        await screen.until(lambda: screen.rows() == ["42"])
        await screen.press(*"inxx")
        await screen.sees("None of 3 processes matches the filter 'nginxx'.")
        await screen.press("backspace", "enter")
        await screen.until(lambda: screen.rows() == ["42"])
        assert "filter: nginx " in screen.text
        assert not screen.app.query_one(FilterBar).is_open
        await screen.tick()
        assert screen.rows() == ["42"]


async def test_the_header_tells_the_filter_of_the_rows_below(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_screen() as screen:
        may_look = threading.Event()

        def late(*asked: Any) -> Any:
            may_look.wait(10)
            return arranged(*asked)

        with monkeypatch.context() as patched:
            patched.setattr("epolltop.ui.state.look.arranged", late)
            screen.app.main_screen.apply_filter("nginx")
            await screen.pilot.pause()
            assert ("filter:" in screen.text, screen.rows()) == (False, ["77", "42", "99"])
            may_look.set()
            await screen.sees("filter: nginx")
            assert screen.rows() == ["42"]


async def test_the_header_tells_the_totals_of_the_rows_below(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_screen() as screen:
        may_look = threading.Event()

        def late(*asked: Any) -> Any:
            may_look.wait(10)
            return arranged(*asked)

        with monkeypatch.context() as patched:
            patched.setattr("epolltop.ui.state.look.arranged", late)
            screen.source.then(batch_of(*ALL, Task(5, "late", open=50)))
            screen.session.steps.release()
            latest = screen.app.main_screen.ring.latest
            await screen.until(lambda: screen.app.main_screen.ring.latest is not latest)
            await screen.pilot.pause()
            assert ("24 instances" in screen.text, screen.rows()) == (True, ["77", "42", "99"])
            may_look.set()
            await screen.sees("74 instances")
            assert screen.rows() == ["5", "77", "42", "99"]


async def test_rows_that_take_longer_than_a_refresh_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_screen() as screen:
        began, may_look = threading.Semaphore(0), threading.Semaphore(0)

        def came(before: Snapshot | None) -> bool:
            return screen.app.main_screen.ring.latest is not before

        def late(*asked: Any) -> Any:
            began.release()
            may_look.acquire(timeout=10)
            return arranged(*asked)

        with monkeypatch.context() as patched:
            patched.setattr("epolltop.ui.state.look.arranged", late)
            for open_ in (50, 60, 70):
                latest = screen.app.main_screen.ring.latest
                screen.source.then(batch_of(*ALL, Task(5, "late", open=open_)))
                screen.session.steps.release()
                await screen.until(functools.partial(came, latest))
                if open_ > 50:
                    may_look.release()
                    await screen.sees(f"{open_ + 14} instances")
                await screen.until(lambda: began.acquire(blocking=False))
            for _ in range(9):
                may_look.release()


async def test_a_tick_describes_the_header_once(monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[Snapshot | None] = []
    describe = Header.describe

    def told(header: Header, shown: Snapshot | None, *others: str) -> None:
        described.append(shown)
        describe(header, shown, *others)

    async with on_screen() as screen:
        monkeypatch.setattr(Header, "describe", told)
        await screen.tick()
        assert described == [screen.app.main_screen.ring.latest]


async def test_half_of_a_comparison_is_no_word_that_nothing_matches() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"redis open")
        await screen.sees("None of 3 processes matches")
        for typed in "", ">", "x":
            await screen.press(*typed)
            assert bool(typed) == (screen.rows() == ["77"])
            assert bool(typed) == ("in force: redis\n" in screen.text.replace(" \n", "\n"))
        await screen.press("backspace", "1", "enter")
        await screen.sees("filter: redis open>1 ")


async def test_a_bad_filter_says_where_and_keeps_the_last_good_rows() -> None:
    async with on_screen() as screen:
        bar = screen.app.query_one("#filter", Input)
        await screen.press("slash", *"open>2")
        assert screen.rows() == ["77", "42"]
        bar.value = "open>2 nope>1"  # as if pasted: "open>2 nope" would be a good one
        await screen.sees("there is no field 'nope'")
        typed, error, in_force = screen.lines[-4:-1]
        assert error.index("^ there") == typed.index("nope")
        assert in_force.strip() == "in force: open>2"
        assert screen.rows() == ["77", "42"]
        await screen.tick()
        assert screen.rows() == ["77", "42"]
        await screen.press("enter")
        await screen.sees("there is no field 'nope'")
        await screen.press("end", "ctrl+u", *"open>2", "enter")
        assert "there is no field" not in screen.text
        await screen.press("slash")
        assert bar.value == "open>2"


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("before", ["", "open>=0 " * 11, "日本語 " * 9, "e\u0301 " * 30])
async def test_a_mistake_is_explained_in_sight_wherever_it_is(width: int, before: str) -> None:
    async with on_screen(size=(width, 24)) as screen:
        await screen.press("slash")
        screen.app.query_one("#filter", Input).value = f"{before}nope>1 {before}"
        await screen.until(lambda: "there is no field" in " ".join(screen.text.split()))
        lines = [line for line in screen.lines[:-1] if "^" in line or "nope>1" in line]  # the footer has a ^C
        at, caret = (cell_len(line[: line.index(sign)]) for line, sign in ((lines[-2], "nope>1"), (lines[-1], "^")))
        assert at == caret
        assert f"in force: {before.strip()[:8] or 'no filter'}" in screen.text


async def test_escape_clears_the_filter_and_never_quits() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"redis")
        await screen.until(lambda: screen.rows() == ["77"])
        await screen.press("escape")
        await screen.until(lambda: len(screen.rows()) == 3)
        assert "filter:" not in screen.text
        await screen.press("slash", *"redis", "enter")
        await screen.until(lambda: screen.rows() == ["77"])
        await screen.press("escape")
        await screen.until(lambda: len(screen.rows()) == 3)
        await screen.press("escape", "escape")
        assert screen.app.is_running


async def test_keys_are_text_in_the_filter_bar() -> None:
    async with on_screen() as screen:
        await screen.press("slash")
        assert {"Esc Clear", "F1 Help", "^C Quit"} == set(re.split("  +", screen.lines[-1].strip()))
        await screen.press("escape")
        await screen.press("slash", *"qe?r<>", "space", "p")
        assert screen.app.query_one("#filter", Input).value == "qe?r<> p"
        assert screen.app.is_running


# Sorting.


def sorted_by(screen: Screen) -> str:
    """The marked heading and the arrow."""
    found = re.search(r"(\S+)([▲▼])", screen.within("#processes")[0])
    return "".join(found.groups()) if found else ""


async def test_keys_sort_by_the_next_and_the_previous_column() -> None:
    async with on_screen() as screen:
        assert sorted_by(screen) == "OPEN▼"
        await screen.press("less_than_sign")
        assert sorted_by(screen) == "USER▲"
        assert screen.rows() == ["99", "77", "42"]
        await screen.press("less_than_sign")
        assert sorted_by(screen) == "PID▲"
        assert screen.rows() == ["42", "77", "99"]
        await screen.press("greater_than_sign", "greater_than_sign", "greater_than_sign")
        assert sorted_by(screen) == "NEW/S▼"
        await screen.press("r")
        assert sorted_by(screen) == "NEW/S▲"


async def test_sorting_by_keys_marks_every_visible_column_in_turn() -> None:
    async with on_screen(size=(80, 24)) as screen:
        shown = re.findall(r"\S+", screen.within("#processes")[0])
        seen = []
        for _ in shown:
            seen.append(sorted_by(screen)[:-1])
            await screen.press("greater_than_sign")
        titles = [title.rstrip("▲▼") for title in shown]
        at = titles.index("OPEN")
        for title, marked in zip(titles[at:] + titles[:at], seen, strict=True):
            assert title.startswith(marked.rstrip("…"))


async def test_a_click_on_a_heading_sorts_and_again_turns_round() -> None:
    async with on_screen() as screen:
        x = screen.within("#processes")[0].index("PID")
        await screen.pilot.click("#processes", offset=(x, 0))
        await screen.until(lambda: screen.rows() == ["42", "77", "99"])
        await screen.pilot.click("#processes", offset=(x, 0))
        await screen.until(lambda: screen.rows() == ["99", "77", "42"])


# Pause.


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


# Export.


async def test_export_writes_what_is_shown_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = [event(start=START), event(start=START, pid=77, file=1, name="other")]
    async with on_screen(batch_of(*ALL, events=told), size=(120, 36)) as screen:
        await screen.press("slash", *"nginx", "enter", "e")
        await screen.sees("Exported to")
    (name,) = os.listdir()
    assert re.fullmatch(r"epolltop-\d{8}-\d{6}\.json", name)
    assert stat.S_IMODE(os.stat(name).st_mode) == 0o600
    document = json.loads(await asyncio.to_thread(Path(name).read_text))
    assert [row["pid"] for row in document["processes"]] == [42]
    assert document["totals"]["processes"] == 3
    assert document["totals"]["shown"] == 1
    assert [told["processName"] for told in document["events"]] == ["nginx"]
    assert document["events_left_out"] == 1


async def test_a_failed_export_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc")  # even root makes no files there
    async with on_screen() as screen:
        await screen.press("e")
        await screen.sees("Not exported: epolltop-")
        assert screen.app.is_running


async def test_export_from_a_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    async with on_screen() as screen:
        await screen.press("e")
        await screen.sees("Not exported: epolltop-")


# Help.


async def test_help_lists_every_key_and_every_field() -> None:
    async with on_screen(size=(120, 300)) as screen:
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
        fields: tuple[Field[Any], ...] = (*PROCESS_FIELDS, *INSTANCE_FIELDS, *EVENT_FIELDS)
        for field in fields:
            assert re.search(rf"\s{re.escape(field.title)}\s", help_text), field.title
            assert field.help.split()[0] in help_text


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


# Leaving.


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


# Events.


async def test_the_detail_pane_shows_every_field_of_the_event_and_stays_on_it() -> None:
    first = [event(time_ns=NOW_NS + n, fd=100 + n, since_ns=NOW_NS + n) for n in range(3)]
    async with on_screen(batch_of(NGINX, events=first), size=(250, 110)) as screen:
        await screen.sees("nginx (42) created an epoll instance")
        await screen.press("tab", "tab", "down", "v")
        assert any(re.search(r"returnValue +101\b", line) for line in screen.within("#detail"))
        detail = screen.within("#detail")
        for name, value in raw_story(first[1], screen.app.main_screen.ring.latest):  # type: ignore[arg-type]
            assert any(re.search(rf"\b{name} +{re.escape(value)}", line) for line in detail), name
        more = [event(time_ns=NOW_NS + SECOND_NS + n, fd=200 + n, since_ns=NOW_NS + n + 9) for n in range(5)]
        await screen.tick(batch_of(NGINX, events=more))
        assert any("204" in line for line in screen.within("#events"))
        assert screen.within("#detail") == detail


async def test_the_detail_pane_tells_each_kind_of_event() -> None:
    stories = {
        Kind.CREATE: "nginx (42) created an epoll instance",
        Kind.CREATE_FAILED: "nginx (42) could not create an epoll instance",
        Kind.RELEASE: "nginx (42) dropped the last reference to an epoll instance after 1 second",
        Kind.FOUND: "a census found an instance in nginx (42)",
        Kind.GONE: "a census no longer shows an instance of nginx (42)",
    }
    for kind, story in stories.items():
        happened = event(kind=kind, time_ns=NOW_NS, created_ns=NOW_NS - SECOND_NS)
        async with on_screen(batch_of(NGINX, events=[happened]), size=(250, 70)) as screen:
            await screen.sees(story)


# Trouble.


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


# Keys that change the refresh.


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


# Signs and colours.

SHARED = [Task(pid, f"worker{pid}", open=0, shares=(file_of(1, 0),)) for pid in range(100, 112)]


async def test_ascii_only_paints_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    events = [event(time_ns=NOW_NS + n, fd=n, name="\u65e5") for n in range(50)]
    owner = Task(1, "µ…→", "▁█ " * 50, open=60, created=50)
    script = batch_of(HOSTILE, owner, *SHARED, events=events, exact=False, fallback="≥ " * 200)
    async with on_screen(script, ascii_only=True) as screen:
        await screen.tick(batch_of(HOSTILE, owner, *SHARED, Task(3, created=70), exact=False))

        def check(what: str) -> None:
            for line in screen.lines:
                assert line.isascii(), (what, line)

        await screen.sees(r"\u65e5", "u~Right", "13: 1,1", ">=")
        check("tables")
        for keys in (("end",), ("e",), ("space",), ("slash", "é"), ("escape",), ("question_mark",)):
            await screen.press(*keys)
            await screen.tick()
            check(str(keys))
        await screen.press("end")
        check("end of the help")
        await screen.press("escape", "colon")
        await screen.tick()
        check("command palette")
        for size in ((60, 15), (20, 5), (250, 70)):
            await screen.pilot.resize_terminal(*size)
            await screen.tick()
            check(str(size))


async def test_no_color_paints_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with on_screen() as screen:
        for strip in screen.app.screen._compositor.render_strips():
            for segment in strip:
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    red, green, blue = colour.get_truecolor() if colour else (0, 0, 0)
                    assert red == green == blue, segment
