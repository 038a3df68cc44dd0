"""Whether memory stays what it is: an hour of changing processes in the model, and a real storm of short-lived ones.

`python -m bench.flat STEP` is the part that runs in a process of its own; it prints what it found as JSON.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bench import budgets
from bench.lab import Lab
from bench.table import Row, judged, not_alone
from epolltop.model.batch import Batch
from epolltop.model.counts import Counts, Totals
from epolltop.model.event import Event, Kind
from epolltop.model.holding import Holding
from epolltop.model.process import ProcessKey
from epolltop.proc.own_cost import own_cost
from tests.support.records import SECOND_NS, batch, census, create, holding, source

TICKS = 3_600
WARM_UP = 300
"""Ticks until the journal is full and the first processes are forgotten."""
PROCESSES, PAIRS = 50, 10
"""New processes a tick, and what each creates and releases: 1,000 events."""
STORM_S = 120
SETTLING_S = 20
QUIET = 1_000
"""Events of others in a batch for the machine to pass as idle."""


def measure(lab: Lab) -> Iterable[Row]:
    """Growth of resident memory after a warm-up."""
    ticks = TICKS // 6 if lab.quick else TICKS
    hour = lab.inside("flat", "world", str(ticks), timeout_s=600)
    detail = f"{ticks:,} ticks, {hour['events']:,.0f} events of {hour['processes']:,.0f} processes"
    yield judged(budgets.FLAT_MODEL, hour["grown"], f"{detail}; from {hour['from']:.0f} MB")
    seconds = SETTLING_S if lab.quick else STORM_S
    storm = lab.inside("flat", "source", str(seconds), *lab.loops, timeout_s=600)
    detail = f"{seconds} s, {storm['processes']:,.0f} processes; from {storm['from']:.0f} MB"
    row = judged(budgets.FLAT_SOURCE, storm["grown"], detail)
    if storm["foreign"] < QUIET:
        yield row
    else:
        # A batch that is larger than any before leaves its memory behind, for the next one.
        yield not_alone(row, f"{storm['foreign']:,.0f} events of others at once")


def main() -> None:
    """Prints MB before and how much more it was at the most afterwards."""
    step, amount, *command = sys.argv[1:]
    found = _world(int(amount)) if step == "world" else _source(float(amount), command)
    print(json.dumps(found))


def _world(ticks: int) -> dict[str, float]:
    from epolltop.model.world import World

    world = World()
    window = world.open_window()
    sizes: list[float] = []
    for tick in _an_hour(ticks):
        world.apply(tick)
        world.freeze(window)
        world.mark(window)
        sizes.append(own_cost().rss_bytes / 1e6)
    made = {"events": ticks * PROCESSES * PAIRS * 2, "processes": ticks * PROCESSES}
    return _grown(sizes[:WARM_UP], sizes[WARM_UP:]) | made


def _an_hour(ticks: int) -> Iterator[Batch]:
    """Batches a second apart, each with new processes that are gone in the next.

    What a process creates last it releases by its end; of these releases every fifth is lost. Every third process is
    gone before it could be read.
    """
    kept: list[Event] = []
    created = released = lost = 0
    for tick in range(1, ticks + 1):
        now = tick * SECOND_NS
        keys = [ProcessKey(1_000 + tick * PROCESSES + number, tick * 100) for number in range(PROCESSES)]
        told = [event for number, event in enumerate(_released(kept, now)) if number % 5]
        lost += len(kept) - len(told)
        made = [_created(key, now + number, number) for number in range(PAIRS) for key in keys]
        kept = made[-PROCESSES:]
        created, released = created + len(made), released + len(made)
        yield dataclasses.replace(
            batch(
                now + SECOND_NS - 1,
                [*told, *made, *_released(made[:-PROCESSES], now + SECOND_NS // 2)],
                census(now + SECOND_NS - 2, *map(_held, kept)),
                by=source(events=created + released - lost, lost=lost),
                counts={key: Counts(PAIRS, 0, PAIRS) for key in keys},
                totals=Totals(created, 0, released),
                alive=keys[::3] + keys[1::3],
                cpu_ns=tick,
            ),
            users={key.pid: f"user {key.pid}" for key in keys[2::3]},
        )


def _created(key: ProcessKey, at_ns: int, number: int) -> Event:
    return create(0xFFFF_8880_0000_0000 + 192 * (key.pid * PAIRS + number), at_ns, key, fd=3 + number)


def _released(created: Sequence[Event], at_ns: int) -> list[Event]:
    return [event._replace(kind=Kind.RELEASE, time_ns=at_ns, fd=None) for event in created]


def _held(created: Event) -> Holding:
    assert created.fd is not None
    return holding(created.file, ProcessKey(created.pid, created.start), created.fd, created.created_ns)


def _source(seconds: float, loops: list[str]) -> dict[str, float]:
    from epolltop.model.world import World
    from epolltop.sources.bpf.bpf_source import BpfSource

    source, world = BpfSource(), World()
    window = world.open_window()
    sizes: list[tuple[float, float]] = []
    foreign, name = 0, Path(loops[0]).name
    source.open()
    try:
        with _short_lived(loops):
            started = time.monotonic()
            while (passed := time.monotonic() - started) < SETTLING_S + seconds:
                batch = source.poll()
                foreign = max(foreign, sum(event.name != name for event in batch.events))
                world.apply(batch)
                created = world.freeze(window).totals.created
                world.mark(window)
                sizes.append((passed, own_cost().rss_bytes / 1e6))
                time.sleep(0.5)
    finally:
        source.close()
    before = [size for passed, size in sizes if passed < SETTLING_S]
    return _grown(before, [size for passed, size in sizes if passed >= SETTLING_S]) | {
        "processes": created,
        "foreign": foreign,
    }


@contextlib.contextmanager
def _short_lived(loops: list[str]) -> Iterator[None]:
    """As many processes as a shell starts, one after the other, each with an instance that goes with it."""
    program = f"while :; do {shlex.join(loops)} hold 1 </dev/null >/dev/null; done"
    with subprocess.Popen(["/bin/sh", "-c", program], stdin=subprocess.DEVNULL) as shell:
        try:
            yield
        finally:
            shell.kill()


def _grown(before: Sequence[float], after: Sequence[float]) -> dict[str, float]:
    """The most at the end of both: within a tick memory comes and goes."""
    last = len(after) // 3
    return {"from": max(before[-last:]), "grown": max(after[-last:]) - max(before[-last:])}


if __name__ == "__main__":
    main()
