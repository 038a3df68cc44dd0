"""A front end that writes text, run to its end over a fake source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from epolltop.model.event import Event
from epolltop.model.process_selection import Selection
from epolltop.output.parts import Write
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation
from epolltop.session.timeline import Timeline
from tests.support.examples import EVENTS, HOSTILE
from tests.support.fake_source import ScriptedSource, Task, batch_of

TASKS = (Task(42, open=2, created=3, released=1), Task(77, HOSTILE.name, HOSTILE.command, "日本"))


def written_by(
    run: Callable[[Timeline, Write], Coroutine[None, None, object]], events: Sequence[Event] = EVENTS
) -> str:
    """All that it wrote. The second tick has one process more; each event comes once, with the first."""
    written: list[str] = []

    async def whole() -> None:
        source = ScriptedSource(batch_of(*TASKS, events=events), batch_of(*TASKS, Task(99, "late", created=1)))
        observing = Listener(Observation(lambda: source, Selection()), 0.01, tell_all=True)
        try:
            await run(observing, written.extend)
        finally:
            observing.close()

    asyncio.run(whole())
    return "".join(written)
