"""The rates of processes that are kept window by window, for trends. To keep another one, add a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from epolltop.model.batch import TABLES
from epolltop.model.rates import Counted

HISTORY = 60
"""Windows that are kept, the open one included."""


class KeptRate(NamedTuple):
    """One such rate: the sum of the rates of some counters."""

    table: str
    """Of `TABLES`."""
    counters: tuple[str, ...]

    def per_s(self, counted: tuple[Counted[Any], ...]) -> float:
        """The rate in the open window, from all that a process did, in the order of `TABLES`."""
        of_table = counted[_PLACES[self.table]]
        return sum(map(of_table.per_s, self.counters))


_PLACES = {name: place for place, name in enumerate(TABLES)}
KEPT_RATES: Mapping[str, KeptRate] = {
    "history": KeptRate("counts", ("created",)),
}
"""By name: `ProcessRow.rates_kept` takes it, and a member of snapshot files that has a history bears it."""
