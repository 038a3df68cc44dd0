"""Numbers and times made readable. Nothing else imports humanize."""

from __future__ import annotations

import datetime
import math

import humanize

from epolltop.text.glyphs import SPARKS

UNKNOWN = "?"
"""Shown where a value is not known: unknown is not zero."""
NOT_APPLICABLE = "-"
"""Shown where there can be no value."""


def or_unknown(value: object) -> str:
    """As it is."""
    return UNKNOWN if value is None else str(value)


def duration(seconds: float | None) -> str:
    """A duration in at most two units and seven columns: 0s, 250µs, 12ms, 4.2s, 3m05s, 2h07m, 12d03h."""
    if seconds is None:
        return UNKNOWN
    if seconds == 0:
        return "0s"
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 0.9995e-3:
        return f"{seconds * 1e6:.0f}µs"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    for big, small, names in ((86400, 3600, "dh"), (3600, 60, "hm"), (60, 1, "ms")):
        if whole >= big:
            return f"{whole // big}{names[0]}{whole % big // small:02d}{names[1]}"
    return f"{whole}s"


def exact_duration(seconds: float) -> str:
    """A duration in words, for a detail pane."""
    unit = "milliseconds" if seconds >= 0.01 else "microseconds"
    return humanize.precisedelta(datetime.timedelta(seconds=seconds), minimum_unit=unit, format="%0.0f")


def percentage(share: float) -> str:
    """A share of one as a percentage: 0%, <0.1%, 0.4%, 37%, 100%."""
    percent = share * 100
    if 0 < percent < 0.05:
        return "<0.1%"
    return f"{percent:.1f}%" if 0 < percent < 9.95 else f"{percent:.0f}%"


def count(number: int | None) -> str:
    """A number, exact up to 99,999, then metric."""
    if number is None:
        return UNKNOWN
    return str(number) if abs(number) < 100_000 else humanize.metric(number, precision=4).replace(" ", "")


def rate(per_s: float | None) -> str:
    """A rate with three digits; 0 is 0, and a rate that would round to it is <0.1 or >-0.1."""
    if per_s is None:
        return UNKNOWN
    if per_s < 0:
        return ">-0.1" if per_s > -0.05 else f"-{rate(-per_s)}"
    if per_s == 0:
        return "0"
    if per_s < 0.05:
        return "<0.1"
    return f"{per_s:.1f}" if per_s < 99.95 else count(round(per_s))


def grouped_rate(per_s: float | None) -> str:
    """A rate with thousands separators, to stand beside numbers that have them."""
    return rate(per_s) if per_s is None or abs(per_s) < 99.95 else grouped(round(per_s))


def at_least(readable: str) -> str:
    """Marks a readable number as a lower bound; one that rounds to nothing is >0."""
    return ">0" if readable.startswith("<") else f"≥{readable}"


def about(readable: str) -> str:
    """Marks a readable number as an estimate."""
    return f"≈{readable}"


def grouped(number: int) -> str:
    """A number with thousands separators."""
    return humanize.intcomma(number)


def size(octets: int) -> str:
    """A number of bytes in binary units."""
    return humanize.naturalsize(octets, binary=True, format="%.0f")


def plural(number: int, noun: str) -> str:
    """A number and its noun: 1 process, 2 processes."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{grouped(number)} {noun}{ending}"


def sparkline(values: tuple[float, ...], width: int) -> str:
    """The last values as bars, scaled to the largest; a blank is a zero."""
    last = values[-width:]
    top = max(last, default=0.0)
    return "".join(
        " " if value <= 0 else SPARKS[min(len(SPARKS) - 1, math.ceil(value / top * len(SPARKS)) - 1)] for value in last
    ).rjust(width)


def timestamp(wall_ns: int, *, utc: bool = False) -> str:
    """A moment: in UTC as RFC 3339 with microseconds, or the local time of day with milliseconds."""
    at = datetime.datetime.fromtimestamp(wall_ns // 1_000_000_000, datetime.timezone.utc)
    at += datetime.timedelta(microseconds=wall_ns % 1_000_000_000 // 1000)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if utc else at.astimezone().strftime("%H:%M:%S.%f")[:-3]


def date(wall_ns: int) -> str:
    """A local date, year first."""
    return datetime.datetime.fromtimestamp(wall_ns // 1_000_000_000).astimezone().strftime("%Y-%m-%d")
