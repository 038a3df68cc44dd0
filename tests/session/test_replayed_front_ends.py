"""Front ends write of a replay what they wrote when it happened."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from epolltop.model.process_selection import Selection
from epolltop.output.batch_command import run_batch
from epolltop.output.event_lines import run_events
from epolltop.output.parts import Write
from epolltop.output.snapshot_command import run_snapshot
from epolltop.query.filter import everything, parse
from epolltop.query.view import PROCESSES, View
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation
from epolltop.session.replay import Replay
from epolltop.session.timeline import Timeline
from epolltop.sources.recording.recorder import Recorder
from tests.session.replaying import life, replayed
from tests.support.examples import EVENTS
from tests.support.fake_source import ScriptedSource, Task, batch_of
from tests.support.formats import FORMATS
from tests.support.recordings import write

SECOND = 1_000_000_000
TASKS = (Task(42, open=2, created=3, released=1), Task(77, "redis-server", user="redis"))
SCRIPT = (
    batch_of(*TASKS, events=EVENTS[:2]),
    batch_of(*TASKS, Task(99, "late", created=1), events=EVENTS[2:4], lost=1),
    batch_of(TASKS[0], events=EVENTS[4:]),
)
Run = Callable[[Timeline, Write, float], Coroutine[None, None, object]]
VIEWS = {
    "all": View(PROCESSES),
    "filtered": View(PROCESSES, filter=parse("open>1 or late"), sort="pid"),
    "cut": View(PROCESSES, rows=1),
}


async def batches(session: Timeline, write: Write, _: float, *, view: str, json: bool) -> None:
    await run_batch(session, VIEWS[view], view, write, count=4, json=json, watches=False, ascii_only=False, width=120)


async def snapshots(session: Timeline, write: Write, seconds: float, *, view: str, format: str) -> None:
    await run_snapshot(
        session,
        VIEWS[view],
        view,
        write,
        say=str,
        seconds=seconds,
        format=format,
        events=True,
        watches=False,
        ascii_only=False,
        width=120,
    )


async def events(session: Timeline, write: Write, seconds: float, *, json: bool) -> None:
    await run_events(session, everything, write, say=str, seconds=seconds, json=json, ascii_only=False)


RUNS: dict[str, Run] = {
    **{f"batch {view}": partial(batches, view=view, json=False) for view in VIEWS},
    **{f"batch {view} json": partial(batches, view=view, json=True) for view in VIEWS},
    **{f"{format} {view}": partial(snapshots, view=view, format=format) for view in VIEWS for format in FORMATS},
    "events": partial(events, json=False),
    "events json": partial(events, json=True),
}


@pytest.mark.parametrize("selection", [Selection(), Selection(frozenset({42})), Selection(uids=frozenset({33}))])
@pytest.mark.parametrize("front_end", RUNS)
async def test_a_front_end_writes_the_same_again(front_end: str, selection: Selection, tmp_path: Path) -> None:
    path = tmp_path / "file"
    run = RUNS[front_end]

    def open_recorder() -> Recorder:
        return Recorder(ScriptedSource(*SCRIPT), io.FileIO(path, "w"), str(path), Selection())

    then = await written(run, Listener(Observation(open_recorder, selection), 0.01, tell_all=True), 0.05)
    replay = Replay(path, selection, tell_all=True, paced=False)
    again = await written(run, replay, math.inf)
    assert again == as_replay(then)
    assert then
    assert replay.trouble == ""


async def written(run: Run, session: Timeline, seconds: float) -> str:
    parts: list[str] = []
    try:
        await run(session, parts.extend, seconds)
    finally:
        session.close()
    return "".join(parts)


def as_replay(text: str) -> str:
    for live, replay in (
        ('"kind":"bpf"', '"kind":"replay"'),
        ('"kind": "bpf"', '"kind": "replay"'),
        ("source bpf", "source replay"),
    ):
        text = text.replace(live, replay)
    return text


EARLIER = Path(__file__).parents[1] / "earlier"
"""Written before records had all the members that they have now, and when names of functions were not cut."""


@pytest.mark.parametrize("front_end", RUNS)
@pytest.mark.parametrize("file", ["ticks.rec", "snapshot.json"])
async def test_files_of_earlier_versions_are_read(file: str, front_end: str) -> None:
    replay = Replay(EARLIER / file, Selection(), tell_all=True, paced=False)
    text = await written(RUNS[front_end], replay, math.inf)
    assert replay.trouble == ""
    assert replay.end_ns == 1_003_000_000_000
    assert text


async def test_what_files_of_earlier_versions_tell_is_told() -> None:
    for file in ("ticks.rec", "snapshot.json"):
        async with replayed(EARLIER / file) as replay:
            await replay.open()
            shown = await replay.seek(replay.end_ns)
        assert {(row.pid, len(row.instances)) for row in shown.processes if row.instances} == {(42, 2)}
        assert (shown.totals.created, shown.totals.released, len(shown.journal)) == (3, 1, 8)
        stack, _ = (event.stack for event in shown.journal if event.stack)
        assert (stack[0][:8], stack[1:]) == ("ns::ns::", ("main+0x2 (worker)",))


async def test_a_snapshot_about_the_first_seconds(tmp_path: Path) -> None:
    path = write(tmp_path / "file", life(100))
    ticks = life(100)
    for seconds in (0, 7, 40, math.inf):
        parts: list[str] = []
        replay = Replay(path, Selection(), paced=False)
        await run_snapshot(
            replay,
            VIEWS["all"],
            "",
            parts.extend,
            say=str,
            seconds=seconds,
            format="json",
            events=False,
            watches=False,
            ascii_only=False,
        )
        replay.close()
        document: dict[str, Any] = json.loads("".join(parts))
        ends_ns = ticks[0].now_ns + seconds * SECOND
        last = next((tick for tick in ticks if tick.now_ns >= ends_ns), ticks[-1])
        assert document["clocks"]["boottime_ns"] == last.now_ns
        assert (document["window_s"] == 0) == (seconds == 0)
