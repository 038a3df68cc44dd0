"""How long it takes to learn of 100,000 instances that exist already, step by step, inside epolltop.

`python -m bench.existing` is the step that runs in a process of its own; it prints its times as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from bench import budgets
from bench.lab import Lab
from bench.table import Row, judged

PROCESSES, EACH, ROUNDS = 100, 1_000, 5

_Result = TypeVar("_Result")


def measure(lab: Lab) -> Iterable[Row]:
    """Iterator, decoding, reduction and snapshot, each by itself and together."""
    with lab.fleet(PROCESSES, EACH):
        ms = lab.inside("existing")
    steps = ", ".join(f"{name} {ms[name]:.0f}" for name in ("read", "decode", "reduce", "freeze"))
    comparison = f"open to first snapshot {ms['whole'] / 1000:.2f} s, of it attaching {ms['open'] / 1000:.2f} s"
    detail = f"{steps} ms; {ms['instances']:,.0f} found"
    yield judged(budgets.EXISTING, sum(ms[name] for name in _STEPS) / 1000, detail, comparison)


_STEPS = ("read", "decode", "reduce", "freeze")


def main() -> None:
    """Medians in ms."""
    from epolltop.model.holding import Holding
    from epolltop.model.world import World
    from epolltop.own_process.collector import uncollected
    from epolltop.sources.bpf import wire
    from epolltop.sources.bpf.bpf_source import BpfSource
    from epolltop.sources.bpf.census import IteratorCensus

    times: dict[str, list[float]] = {}

    @uncollected()  # as the session does it
    def timed(name: str, call: Callable[[], _Result]) -> _Result:
        started = time.perf_counter()
        result = call()
        times.setdefault(name, []).append((time.perf_counter() - started) * 1000)
        return result

    def decoded(tables: list[bytes]) -> list[Holding]:
        return [holding for table in tables for holding in wire.decode_table(table)[0]]

    source = BpfSource()
    instances = 0
    try:
        started = time.perf_counter()
        timed("open", source.open)
        world = World()
        batch = source.poll()
        world.apply(batch)
        instances = world.freeze(world.open_window()).open
        times["whole"] = [(time.perf_counter() - started) * 1000]
        taker, census = source._census, batch.census
        assert isinstance(taker, IteratorCensus), "the kernel has no task_file iterator"
        assert census is not None, "the first poll had no census"
        del world
        for _ in range(ROUNDS):
            taker._told = []  # or it recognises what it has read before
            timed("read", lambda: taker._read(until=math.inf))
            holdings = timed("decode", lambda told=taker._told: decoded(told))  # type: ignore[misc]
            world = World()
            fresh = dataclasses.replace(batch, census=dataclasses.replace(census, holdings=holdings))
            timed("reduce", lambda world=world, fresh=fresh: world.apply(fresh))  # type: ignore[misc]
            timed("freeze", lambda world=world: world.freeze(world.open_window()))  # type: ignore[misc]
    finally:
        source.close()
    print(json.dumps({name: statistics.median(each) for name, each in times.items()} | {"instances": instances}))


if __name__ == "__main__":
    main()
