"""The runtime of a loop and of a process, as far as it is recognised."""

from __future__ import annotations

from epolltop.model.loop_of import LoopOf
from epolltop.model.process_row import ProcessRow
from epolltop.model.runtimes import Runtime, recognised
from epolltop.model.snapshot import Snapshot
from epolltop.text.numbers import UNKNOWN


def runtime_of_process(row: ProcessRow, snapshot: Snapshot) -> Runtime | None:
    """That of its loops, or of those that wait most if they have several; None if it is not recognised.

    What is certain goes before what waits more.
    """
    signs, machine = row.facts.runtime_signs, snapshot.source.host.machine
    known = [
        (runtime.certain, waits, runtime)
        for waits, turn in row.loops.ways_to_wait.values()
        if (runtime := recognised(signs, turn, machine))
    ]
    return max(known)[2] if known else recognised(signs, None, machine)


def runtime_of_loop(row: LoopOf, snapshot: Snapshot) -> Runtime | None:
    """That of the process if it is not known how the thread waited last."""
    if row.loop.turn is None:
        return runtime_of_process(row.process, snapshot)
    return recognised(row.process.facts.runtime_signs, row.loop.turn, snapshot.source.host.machine)


def name_of(runtime: Runtime | None) -> str | None:
    """For filters, which take guesses, too."""
    return runtime and runtime.name


def is_certain(runtime: Runtime | None) -> bool | None:
    """None: there is nothing to be certain of."""
    return runtime and runtime.certain


def shown(runtime: Runtime | None) -> str:
    """A guess has a question mark."""
    return UNKNOWN if runtime is None else runtime.name if runtime.certain else f"{runtime.name}?"
