"""Where recorded time stands, and how it runs on as time passes."""

from __future__ import annotations

import asyncio

REFRESH_S = 0.1
"""Shortest time between snapshots for a person."""


class RecordedTime:
    """The clock of a replay for a person. It is on the boot clock of the recorded machine."""

    def __init__(self, stopping: asyncio.Event) -> None:
        """Stands at 0.

        Args:
            stopping: ends every wait.
        """
        self.now_ns = 0.0
        """Between the tick that is shown and the next."""
        self.speed = 1.0
        """Recorded seconds per second; may be infinite."""
        self.held = False
        """Whether it stands."""
        self._stopping = stopping
        self._disturbed = asyncio.Event()

    def disturb(self) -> None:
        """Cuts a wait short: something that it depends on is another now."""
        self._disturbed.set()

    async def run_to(self, next_ns: int | None, end_ns: int) -> float | None:
        """Waits until it is time for another tick.

        Args:
            next_ns: of the next tick; None: there is none.
            end_ns: of the last tick.

        Returns:
            The recorded time that is reached; None: the wait was cut short, and time has run on until then.
        """
        loop = asyncio.get_running_loop()
        self._disturbed.clear()
        from_ns, began = self.now_ns, loop.time()
        speed = 0.0 if self.held else self.speed
        wait_s = None if next_ns is None or not speed else max(REFRESH_S, (next_ns - from_ns) / 1e9 / speed)
        was_disturbed = await self._pause(wait_s)
        waited = loop.time() - began
        reached_ns = from_ns + (waited * 1e9 * speed if waited and speed else 0.0)  # infinitely fast for no time is 0
        if not was_disturbed:
            return reached_ns
        if self.now_ns == from_ns:
            self.now_ns = min(reached_ns, end_ns)
        return None

    async def _pause(self, seconds: float | None) -> bool:
        """Waits; True if it was cut short."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._disturbed, self._stopping)]
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return bool(done)
