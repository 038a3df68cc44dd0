"""What the selected processes did since the start."""

from __future__ import annotations

from epolltop.model.batch import Batch
from epolltop.model.counts import Counts, Totals
from epolltop.model.known_processes import KnownProcesses
from epolltop.model.process import ProcessKey
from epolltop.model.tally import Tally

_COUNTER = {"released_by_kernel": "released"}
"""For totals without a counter of a process: the total that includes them."""


def selected_totals(batch: Batch, tally: Tally[ProcessKey], processes: KnownProcesses) -> Totals:
    """The totals of the kernel where they are exact and about the selected processes, otherwise sums.

    Args:
        batch: the last one.
        tally: of the counts of each process.
        processes: tell which are selected.
    """
    source, everything = batch.source, processes.selection.is_all
    if everything and source.exact:
        return batch.totals
    counts: Counts = tally.sum(processes.covers)
    totals = Totals(counts.created, counts.failed, counts.released)
    if not everything:
        return totals
    # With a probe, the kernel's total is better than a sum: the sum lacks calls without room in the map.
    seen = {name: value for name, value in batch.totals._asdict().items() if source.sees(_COUNTER.get(name, name))}
    return totals._replace(**seen)
