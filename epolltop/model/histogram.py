"""How values are distributed, as probes count them: a bucket for each power of two."""

from __future__ import annotations

from typing import Any, NamedTuple

BUCKETS_MAX = 65
"""Of values of 64 bits."""


class Histogram(NamedTuple):
    """A distribution of values in whole steps. Its declaration says what a step is: a nanosecond, or one."""

    counts: tuple[int, ...]
    """counts[0]: zeros; counts[n]: from 2**(n-1) to below 2**n steps."""
    largest: int
    """Steps."""

    @property
    def total(self) -> int:
        """How many values there were."""
        return sum(self.counts)

    def quantile(self, share: float) -> int | None:
        """The value that this share of the values does not exceed, in steps, to a power of two; None without values."""
        left = share * self.total
        for n, count in enumerate(self.counts):
            left -= count
            if count and left <= 0:
                return min((1 << n) - 1, self.largest)
        return None

    def as_json(self, steps: int, suffix: str) -> dict[str, Any]:
        """The median, the 99th percentile, the largest and the buckets in use, in units of that many steps."""
        median, high = (self.quantile(share) for share in (0.5, 0.99))
        return {
            f"p50{suffix}": _in_units(median, steps),
            f"p99{suffix}": _in_units(high, steps),
            f"max{suffix}": _in_units(self.largest, steps),
            "histogram": [[_in_units(1 << n, steps), count] for n, count in enumerate(self.counts) if count],
        }


def from_json(buckets: list[tuple[float, int]], largest: float, steps: int) -> Histogram:
    """The histogram with these buckets.

    Raises:
        ValueError: no histogram has such a bucket.
    """
    known = {_in_units(1 << n, steps): n for n in range(BUCKETS_MAX)}
    counts = [0] * BUCKETS_MAX
    for below, count in buckets:
        if below not in known:
            raise ValueError("a bucket that no histogram has")
        counts[known[below]] = count
    used = max((n + 1 for n, count in enumerate(counts) if count), default=0)
    return Histogram(tuple(counts[:used]), round(largest * steps))


def _in_units(number: int | None, steps: int) -> float | None:
    return number if number is None or steps == 1 else number / steps
