"""How quickly each process did what is kept (`kept_rates`), window by window."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from epolltop.model.kept_rates import HISTORY, KEPT_RATES, KeptRate
from epolltop.model.process import ProcessKey
from epolltop.model.rates import Counted

_IDLE = (0.0,)
"""Of a process that did nothing within them."""


class History:
    """Rates of the windows that are closed: at most `HISTORY` for each kept rate of a process that is kept."""

    def __init__(self, kept: Mapping[str, KeptRate] = KEPT_RATES) -> None:
        self._kept = dict(kept)
        self._closed: dict[str, dict[ProcessKey, tuple[float, ...]]] = {name: {} for name in kept}

    def of(self, process: ProcessKey, counted: tuple[Counted[Any], ...]) -> tuple[tuple[float, ...], ...]:
        """The rates of a process, the oldest first, that of the open window last; from the first above 0 on.

        Args:
            process: the one.
            counted: what it did, in the order of `TABLES`.

        Returns:
            A tuple for each kept rate.
        """
        return tuple(
            [
                _followed(closed.get(process, ()), self._kept[name].per_s(counted)) or _IDLE
                for name, closed in self._closed.items()
            ]
        )

    def close(self, rates: Callable[[KeptRate], Mapping[ProcessKey, float]], present: Container[ProcessKey]) -> None:
        """Ends a window.

        Args:
            rates: in it, of those that did something.
            present: all others are forgotten.
        """
        for name, kept in self._kept.items():
            before, now = self._closed[name], rates(kept)
            self._closed[name] = {
                process: closed
                for process in {*before, *now}
                if process in present and (closed := _followed(before.get(process, ()), now.get(process, 0.0)))
            }


def _followed(closed: tuple[float, ...], rate: float) -> tuple[float, ...]:
    """Empty if none is above 0."""
    rates = (*closed, rate)[-HISTORY:]
    first = next((at for at, rate in enumerate(rates) if rate), len(rates))
    return rates[first:]
