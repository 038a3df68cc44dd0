"""An asyncio service that measures its own event loop: every call of the selector, by the clock around it.

It serves on the port that it is given. It answers a line with that line, and the line `told` with what it has measured
so far, as JSON. It measures what each wait asked for, as asyncio hands it over: None for ever, nothing for no wait.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import selectors
import sys
import time

PERIOD_S = 0.005


@dataclasses.dataclass
class Told:
    """Sums over all calls that are over. Times in ns."""

    waits: int = 0
    events: int = 0
    wakes: int = 0
    zero_timeouts: int = 0
    finite_timeouts: int = 0
    infinite_timeouts: int = 0
    zero_empty: int = 0
    timeouts_met: int = 0
    around_waits_ns: int = 0
    """A wait is within this."""
    timed_out_ns: int = 0
    """What was asked for by waits that returned nothing; they took as long at least."""
    between_ns: int = 0
    """This is within the times away."""


class ClockedSelector(selectors.EpollSelector):
    """epoll(7), and a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Told()
        self._returned_ns = time.monotonic_ns()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        told, called_ns = self.told, time.monotonic_ns()
        told.between_ns += called_ns - self._returned_ns
        ready = super().select(timeout)
        self._returned_ns = time.monotonic_ns()
        told.waits += 1
        told.events += len(ready)
        told.wakes += bool(ready)
        told.around_waits_ns += self._returned_ns - called_ns
        if timeout is None:
            told.infinite_timeouts += 1
        elif timeout <= 0:
            told.zero_timeouts += 1
            told.zero_empty += not ready
        else:
            told.finite_timeouts += 1
            if not ready:
                told.timeouts_met += 1
                told.timed_out_ns += math.ceil(timeout * 1e3) * 1_000_000  # as selectors rounds it
        return ready


async def main(selector: ClockedSelector, port: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(dataclasses.asdict(selector.told)).encode() if line == b"told\n" else line)
            await writer.drain()
        writer.close()

    def time_out() -> None:
        asyncio.get_running_loop().call_later(PERIOD_S, time_out)

    time_out()
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()


selector = ClockedSelector()
loop = asyncio.SelectorEventLoop(selector)
loop.run_until_complete(main(selector, int(sys.argv[1])))
