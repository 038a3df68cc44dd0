"""Outages: steps that fail for a reason that may pass are tried again, and front ends are told."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from epolltop.own_process.transient import passes
from epolltop.text.numbers import timestamp

Result = TypeVar("Result")

TRIES, PATIENCE_S = 3, 30.0
"""How many times, and for how long, a source that fails for want of something is tried again before that is its end. A
burst of forks or a full table of files passes in seconds; nobody should wait for output that never comes."""

LATE_S = 10.0
"""After this time without an answer front ends are told, so that nobody takes old numbers for new ones."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outage:
    """Nothing can be read at the moment."""

    what: str
    since_s: float
    """On the loop's clock."""
    since_wall_ns: int
    tries: int = 0
    """That failed; 0: the first one has not ended."""

    def __str__(self) -> str:
        again = "; trying again" if self.tries else ""
        return f"nothing could be read since {timestamp(self.since_wall_ns)[:8]}: {self.what}{again}"


class Attempts:
    """Attempts at the steps of one source, for all its listeners."""

    def __init__(self, tell: Callable[[Outage | None], object]) -> None:
        """Nothing fails yet.

        Args:
            tell: called in the event loop when an outage begins, lasts and is over.
        """
        self._tell = tell
        self._outage: Outage | None = None

    async def make(self, step: Callable[[], Awaitable[Result]]) -> Result | None:
        """The result of a step, or None where it fails for a reason that may pass.

        Raises:
            Exception: it does not pass, or has not for long.
        """
        loop = asyncio.get_running_loop()
        try:
            with self.telling_if_late():
                result = await step()
        except Exception as error:
            if not passes(error):
                raise
            what = (error.strerror if isinstance(error, OSError) else "") or str(error) or "not enough memory"
            outage = self._lasting(Outage(what, loop.time(), time.time_ns(), tries=1))
            if outage.tries >= TRIES and loop.time() - outage.since_s >= PATIENCE_S:
                raise
            return None
        if self._outage is not None:
            self._outage = None
            self._tell(None)
        return result

    @contextlib.contextmanager
    def telling_if_late(self) -> Iterator[None]:
        """While a step is awaited within."""
        late = asyncio.get_running_loop().call_later(LATE_S, self._tell_late)
        try:
            yield
        finally:
            late.cancel()

    def _tell_late(self) -> None:
        begin_s = asyncio.get_running_loop().time() - LATE_S
        self._lasting(Outage("there is no answer", begin_s, time.time_ns() - round(LATE_S * 1e9)))

    def _lasting(self, now: Outage) -> Outage:
        """Tells front ends its present state; it may have begun before."""
        before = self._outage
        self._outage = (
            now if before is None else dataclasses.replace(before, what=now.what, tries=before.tries + now.tries)
        )
        self._tell(self._outage)
        return self._outage
