"""The view of loops on the screen, and the pane beside it."""

from __future__ import annotations

from dataclasses import replace

from epolltop.model.batch import Batch
from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.loop_activity import LoopCounts, LoopKey, LoopTimes
from epolltop.model.source import Probe
from epolltop.model.thread_waits import ThreadWaits
from tests.support.fake_source import Task, batch_of, file_of
from tests.support.records import NOW_NS, SECOND_NS, buckets, loop, turn

from .app_on_screen import on_screen

MS = 1_000_000
WORKER = Task(42, "nginx", "nginx: worker process", open=1)
LOOP = loop(file_of(42, 0), WORKER.key)


def after(ticks: int, returned_ns: int = 0) -> Batch:
    """So many seconds, each with ten waits of 80 ms and 20 ms away."""
    counts = LoopCounts(10 * ticks, 20 * ticks, 10 * ticks, infinite_timeouts=10 * ticks)
    counts = counts._replace(waiting_ns=800 * MS * ticks, away_ns=200 * MS * ticks, cpu_ns=100 * MS * ticks)
    times = LoopTimes(buckets(b17=10 * ticks), buckets(b15=10 * ticks), (), 80 * MS, 20 * MS, 0)
    made = batch_of(WORKER)
    loops: dict[LoopKey, LoopCounts] = {LOOP: counts}
    return replace(
        made,
        source=replace(made.source, probes=(*made.source.probes, Probe("epoll_wait", "four", True))),
        loops=loops,
        loop_times={LOOP: times},
        turns={LOOP: turn(NOW_NS + ticks * SECOND_NS - 330 * MS, returned_ns, name="nginx")},
    )


async def test_a_loop_is_a_row_with_its_story_beside_it() -> None:
    async with on_screen(after(1), after(2), after(3, NOW_NS + 3 * SECOND_NS - 250 * MS), size=(150, 40)) as screen:
        await screen.press("4")
        await screen.sees(" 4 Loops ", "nginx 42/4")
        await screen.tick()
        assert screen.within("#loops")[1].split()[:4] == ["▸nginx", "42/4", "10.0", "20.0"]
        story = "\n".join(screen.within("#page"))
        assert "event loop nginx 42/4" in story
        assert "away for 250ms" in story
        assert "time away: 10 in the last 1.0s, the longest 20ms" in " ".join(story.split())
        assert "█ 10" in story
        await screen.press("enter")  # the story alone, over the whole width
        await screen.until(lambda: "WAITS/S" not in screen.text)
        assert any("now      away for 250ms" in line for line in screen.lines)
        await screen.press("escape")
        await screen.sees("WAITS/S", "Enter Open")
        await screen.press("slash", *"lag>100ms", "enter")
        await screen.sees("nginx 42/4")
        await screen.press("slash", *"lag>1s", "enter")
        await screen.sees("None of 1 loops matches the filter")
        await screen.press("escape", "v")
        await screen.sees("TID       42", "LAG       250ms")


async def test_a_process_without_a_loop_is_explained_beside_its_instances() -> None:
    busy = replace(
        batch_of(WORKER),
        descriptors={WORKER.key: Descriptors(epoll=1, io_uring=2)},
        thread_waits={WORKER.key: ThreadWaits(io_uring=2)},
    )
    async with on_screen(busy, size=(150, 40)) as screen:
        await screen.sees("process nginx (42)", "descriptors 3 of at most 1,024", "in io_uring (2 threads); not in")
        await screen.press("enter")
        await screen.until(lambda: "process nginx (42)" in "\n".join(screen.within("#page")))
        story = " ".join(" ".join(screen.within("#page")).replace("│", " ").split())
        assert "1 epoll descriptor, 2 io_uring rings" in story
        assert "in io_uring (2 threads); not in epoll" in story
        assert story.startswith("epoll instance ")
