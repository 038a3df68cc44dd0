"""The whole screen over a scripted source, and what was painted of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.model.batch import Batch
from epolltop.model.process_selection import Selection
from epolltop.output.export import export, export_screen
from epolltop.output.formats import FORMATS
from epolltop.query.view import PROCESSES
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation
from epolltop.sources import FactSource
from epolltop.text.glyphs import in_ascii
from epolltop.ui.app import EpolltopApp
from epolltop.ui.exports import Exports
from epolltop.ui.state.navigation import root
from epolltop.ui.table.virtual_table import VirtualTable
from tests.support.fake_source import ScriptedSource, Task, batch_of
from tests.support.records import NOW_NS, event

NGINX = Task(42, "nginx", "nginx: worker process", open=3, created=5, released=2)
REDIS = Task(77, "redis-server", "redis-server *:6379", "redis", open=20)
NODE = Task(99, "node", "node server.js", "node", open=1, failed=1)
EXPORTS = Exports(export, export_screen, tuple(FORMATS))
ALL = (NGINX, REDIS, NODE)
BORN = event(time_ns=NOW_NS, created_ns=NOW_NS, since_ns=NOW_NS, file=9, pid=42)


class Stepped(Listener):
    """Ticks when it is told to, not by the clock."""

    def __init__(self, source: ScriptedSource, delay_s: float, settings: Settings) -> None:
        super().__init__(Observation(self._opened, Selection(), settings), delay_s)
        self._scripted = source
        self.steps = asyncio.Semaphore(0)

    def _opened(self) -> FactSource:
        self._scripted.open()
        return self._scripted

    async def sleep(self, seconds: float) -> bool:
        step, stop = asyncio.ensure_future(self.steps.acquire()), asyncio.ensure_future(self.stopping.wait())
        _, pending = await asyncio.wait({step, stop}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return self.stopping.is_set()


@dataclass
class Screen:
    """The app on a terminal: what was painted, not what would be."""

    app: EpolltopApp
    pilot: Pilot[Exception]
    source: ScriptedSource
    session: Stepped

    @property
    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def table(self, name: str) -> VirtualTable[object]:
        return self.app.query_one(f"#{name}", VirtualTable)

    def within(self, selector: str) -> list[str]:
        """The lines of one widget, as painted."""
        region = self.app.screen.query_one(selector).region
        strips = self.app.screen._compositor.render_strips()[region.y : region.bottom]
        return ["".join(s.text for s in strip.crop(region.x, region.right)).rstrip() for strip in strips]

    def rows(self) -> list[str]:
        """PIDs of the process table, from the top."""
        return [line[1:].split()[0] for line in self.within("#processes")[1:] if line[1:].strip()]

    def marked(self) -> str:
        """The PID under the cursor."""
        return next(line[1:].split()[0] for line in self.within("#processes") if line.startswith("▸"))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, f"never happened; on screen:\n{self.text}"
            await self.pilot.pause(0.005)

    async def sees(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.text for text in texts))

    async def tick(self, *script: Batch) -> None:
        """So many batches pass, one without a change if none is given."""
        self.source.then(*script)
        for _ in script or (None,):
            self.session.steps.release()
        wanted = self.source.polls + (len(script) or 1)
        await self.until(lambda: self.source.polls == wanted and self.app.main_screen.ring.latest is not None)
        await self.until(
            lambda: (
                self.app.main_screen.ring.latest is not None
                and self.app.main_screen.ring.latest.now_ns == self.source.now_ns
            )
        )
        await self.settle()

    async def until_the_gone_are_gone(self) -> None:
        """Rows stay for three seconds when what they are about has gone."""
        for _ in range(3):
            await self.tick()

    async def settle(self) -> None:
        """Until what is on screen is what was asked for."""
        await self.pilot.pause()
        await self.until(lambda: self.app.main_screen.is_settled)
        await self.pilot.pause()


@asynccontextmanager
async def on_screen(
    *script: Batch | Exception,
    size: tuple[int, int] = (120, 36),
    filter_text: str = "",
    delay_s: float = 1.0,
    ascii_only: bool = False,
    source: ScriptedSource | None = None,
    wait: bool = True,
    settings: Settings = DEFAULTS,
) -> AsyncIterator[Screen]:
    source = source or ScriptedSource(*(script or (batch_of(*ALL),)))
    session = Stepped(source, delay_s, settings)
    readable = in_ascii if ascii_only else str
    app = EpolltopApp(session, root(PROCESSES).filtered(filter_text), EXPORTS, readable)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            screen = Screen(app, pilot, source, session)
            if wait:
                await screen.until(lambda: app.main_screen.ring.latest)
                await screen.tick()
            yield screen
            session.stopping.set()  # run_test takes the widgets away under a running app
            await app.workers.wait_for_complete()
            await pilot.pause()
    finally:
        session.close()


def crumbs(screen: Screen) -> str:
    return screen.within("#crumbs")[0]


def rows(screen: Screen, table: str) -> list[str]:
    return [line for line in screen.within(f"#{table}")[1:] if line.strip(" ▸│▁▂▃▄▅▆▇█")]


def exported(name: str) -> str:
    return Path(name).read_text()
