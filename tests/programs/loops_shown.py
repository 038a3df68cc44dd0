"""What epolltop shows of the event loops of a program."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping

from tests.kernel.observing import Observing


def by_thread(observing: Observing, pids: Collection[int]) -> Mapping[int, Counter[str]]:
    """Of each thread what it did with all its instances, by name of the counter, since the observation began.

    Besides the counters: `waiting` and `away`, in nanoseconds, with what is in progress.
    """
    snapshot = observing.refresh()
    threads: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in snapshot.loops:
        if row.key.process.pid in pids:
            thread = threads[row.key.tid]
            thread.update(row.did.counted.total._asdict())
            thread["waiting"] += row.did.waited_ns + row.turn_waiting_ns(snapshot.begin_ns, snapshot.now_ns)
            thread["away"] += row.did.was_away_ns + row.turn_away_ns(snapshot.begin_ns, snapshot.now_ns)
    return threads
