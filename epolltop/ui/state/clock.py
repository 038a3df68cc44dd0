"""Time on the screen: live, where it can only be held, or replayed, where one can go anywhere.

Each step returns a message for the person, or an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from epolltop.query.headline import machine
from epolltop.session.timeline import Playback, Timeline
from epolltop.text.cells import cut
from epolltop.text.numbers import date, duration, grouped, timestamp
from epolltop.ui.state.snapshot_history import Ring

DELAYS_S = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0, 100.0)

_NAME = 32
"""Cells of a file's name."""

Notice = str
"""A passing message; empty: none."""


class Clock(Protocol):
    """The interface for the keys of time."""

    unseekable: Notice
    """Why it cannot go to a named time; empty: it can."""

    def pause(self) -> None:
        """Holds, or goes on."""

    def now(self) -> None:
        """Goes along with the newest, or to the end."""

    async def step(self, steps: int) -> Notice:
        """Goes that many refreshes forward or back."""

    async def seek(self, text: str) -> Notice:
        """Goes to a time in the form that a person types."""

    def plus(self) -> None:
        """More: a longer refresh, or a higher speed."""

    def minus(self) -> None:
        """Less of it."""

    def banner(self) -> str:
        """A banner about the time that is shown; empty: it is now."""

    @property
    def works(self) -> bool:
        """Whether a time that was asked for is being sought, so that the one that is shown stands."""

    def pace(self) -> str:
        """How quickly it goes."""


class LiveClock:
    """The clock of a live observation, which never stops; the screen may hold a snapshot of the last minutes."""

    unseekable = "Only a replay can go to a time; [ and ] step through the last minutes."

    def __init__(self, session: Timeline, ring: Ring) -> None:
        self._session, self._ring = session, ring

    def pause(self) -> None:
        self._ring.hold() if self._ring.held is None else self._ring.release()

    def now(self) -> None:
        self._ring.release()

    async def step(self, steps: int) -> Notice:
        if self._ring.step(steps):
            return ""
        reach = duration(self._ring.reach_s)
        return f"Nothing older than {reach} is kept." if steps < 0 else "This is the newest; = follows it."

    async def seek(self, text: str) -> Notice:
        return self.unseekable

    def plus(self) -> None:
        self._session.delay_s = _above(DELAYS_S, self._session.delay_s)

    def minus(self) -> None:
        self._session.delay_s = _below(DELAYS_S, self._session.delay_s)

    def banner(self) -> str:
        held, latest = self._ring.held, self._ring.latest
        if held is None or latest is None:
            return ""
        age = duration((latest.now_ns - held.now_ns) / 1e9)
        since = latest.totals.created - held.totals.created
        return (
            f"PAUSED at {timestamp(held.wall_ns)[:8]}, {age} ago; Space or = returns to now,"
            f" with {grouped(latest.open)} instances, {grouped(since)} created since"
        )

    @property
    def works(self) -> bool:
        return False

    def pace(self) -> str:
        return f"every {duration(self._session.delay_s)}"


class ReplayClock:
    """The clock of a replay: time is the recording's, and nothing is missed while it stands."""

    unseekable = ""

    def __init__(self, session: Playback, ring: Ring) -> None:
        self._session, self._ring = session, ring

    def pause(self) -> None:
        self._session.held = not self._session.held

    def now(self) -> None:
        """Plays on from where it is."""
        self._session.held = False

    async def step(self, steps: int) -> Notice:
        if self._ring.latest is None:
            return ""
        before = self._session.position
        self._session.held = True
        self._ring.restart(await self._session.step(steps))
        if self._session.position != before:
            return ""
        return "This is the beginning." if steps < 0 else "This is the end."

    async def seek(self, text: str) -> Notice:
        if self._ring.latest is None:
            return ""
        at_ns = moment(text, self._session.begin_ns, self._session.end_ns, self._session.begin_wall_ns)
        if at_ns is None:
            return f"{text!r} is not a time: 12:03:20, 1m30s after the start, or 50%"
        self._ring.restart(await self._session.seek(at_ns))
        return ""

    def plus(self) -> None:
        self._session.speed = _above(SPEEDS, self._session.speed)

    def minus(self) -> None:
        self._session.speed = _below(SPEEDS, self._session.speed)

    def banner(self) -> str:
        shown = self._ring.latest
        if shown is None:
            return ""
        session = self._session
        of = f"{cut(session.name, _NAME)}  {date(shown.wall_ns)}  {machine(shown)}"
        if session.begin_ns == session.end_ns:
            return f"SNAPSHOT of {timestamp(shown.wall_ns)[:8]}  {of}"
        gone, whole = (ns - session.begin_ns for ns in (session.position, session.end_ns))
        how = "END" if session.at_end else "HELD" if session.held else "REPLAY"
        damage = f"; {session.trouble}" if session.trouble else ""
        return (
            f"{how} {timestamp(shown.wall_ns)[:8]}, {duration(gone / 1e9)} of {duration(whole / 1e9)}"
            f", speed {session.speed:g}x{', reading' if self.works else ''}{damage}  {of}"
        )

    @property
    def works(self) -> bool:
        return self._session.is_reading

    def pace(self) -> str:
        return ""


def clock_of(session: Timeline, ring: Ring) -> Clock:
    """The clock that goes with a session."""
    return ReplayClock(session.playback, ring) if session.playback else LiveClock(session, ring)


def _above(choices: Sequence[float], now: float) -> float:
    return min((choice for choice in choices if choice > now), default=now)


def _below(choices: Sequence[float], now: float) -> float:
    return max((choice for choice in choices if choice < now), default=now)


_NEAREST_NS = 500_000_000
"""Ticks come a second and a bit apart: 3s means the nearest one, not the last before it."""
_PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|ms|m|s)")
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}


def moment(text: str, begin_ns: int, end_ns: int, begin_wall_ns: int) -> int | None:
    """The boot clock for a typed time: a local time of day, a time since the start, or a part of the whole.

    Args:
        text: 12:03, 12:03:20, 1m30s, 90, 50%.
        begin_ns: of the recording, boot clock.
        end_ns: of the recording, boot clock.
        begin_wall_ns: the beginning, since the epoch: a time of day before its own is on the next day.
    """
    text = text.strip().lower()
    if match := re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", text):
        return begin_ns + round((end_ns - begin_ns) * min(1.0, float(match[1]) / 100))
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return begin_ns + round(float(text) * 1e9) + _NEAREST_NS
    parts = _PARTS.findall(text)
    if parts and _PARTS.sub("", text).strip() == "":
        return begin_ns + round(sum(float(number) * _SECONDS[unit] for number, unit in parts) * 1e9) + _NEAREST_NS
    # A typed second means the whole second: a snapshot shown as 12:03:20 may be from any time in it.
    for form, meant_ns in (("%H:%M:%S", 999_999_999), ("%H:%M", 0)):
        try:
            time_of_day = datetime.strptime(text, form).time()
        except ValueError:
            continue
        begins = datetime.fromtimestamp(begin_wall_ns / 1e9).astimezone()
        wanted = datetime.combine(begins.date(), time_of_day, begins.tzinfo)
        if wanted < begins.replace(microsecond=0):
            wanted += timedelta(days=1)
        return begin_ns + round((wanted - begins).total_seconds() * 1e9) + meant_ns
    return None
