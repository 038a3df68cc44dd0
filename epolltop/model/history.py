"""How quickly each process created instances, window by window."""

from __future__ import annotations

from collections.abc import Container, Mapping

from epolltop.model.process import ProcessKey

HISTORY = 60
"""Windows that are kept, the open one included."""
_IDLE = (0.0,)
"""Of a process that created nothing within them."""


class History:
    """Rates of the windows that are closed."""

    def __init__(self) -> None:
        self._closed: dict[ProcessKey, tuple[float, ...]] = {}  # of those that created within them

    def of(self, process: ProcessKey, rate: float) -> tuple[float, ...]:
        """The rates of a process, the oldest first, that of the open window last; from its first creation on."""
        return self._followed_by(process, rate) or _IDLE

    def close(self, rates: Mapping[ProcessKey, float], kept: Container[ProcessKey]) -> None:
        """Ends a window.

        Args:
            rates: in it, of those that created something.
            kept: all others are forgotten.
        """
        self._closed = {
            process: closed
            for process in {*self._closed, *rates}
            if process in kept and (closed := self._followed_by(process, rates.get(process, 0.0)))
        }

    def _followed_by(self, process: ProcessKey, rate: float) -> tuple[float, ...]:
        rates = (*self._closed.get(process, ()), rate)[-HISTORY:]
        first = next((at for at, rate in enumerate(rates) if rate), len(rates))
        return rates[first:]
