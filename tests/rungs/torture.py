"""One run of the torture: moves, and looks in between at which a rung must tell what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tests.kernel.reference_census import reference_census

from .comparison import Comparison
from .moves import MOVES, PREPARED_BY, lacking
from .puppets import Puppets
from .random_run import RandomRun
from .reported import Watcher

LOOKS, MOVES_A_LOOK = 6, 10
Plan = Callable[[RandomRun], Iterator[None]]
"""Makes moves, and yields where epolltop is to be asked."""


def drawn(run: RandomRun) -> Iterator[None]:
    """Whatever comes."""
    for _ in range(LOOKS):
        for _ in range(MOVES_A_LOOK):
            run.move()
        yield


def each_in_turn(run: RandomRun) -> Iterator[None]:
    """Every move that this machine allows, so that none is left to chance."""
    moves = [move for move in run.moves if move not in lacking(run.puppets)]
    run.random.shuffle(moves)
    for number, move in enumerate(moves, start=1):
        assert run.reach(move, PREPARED_BY.get(move, ())), f"{move.__name__} was never possible"
        if number % MOVES_A_LOOK == 0 or number == len(moves):
            yield


def torture(watcher: Watcher, puppets: Puppets, seed: int, plan: Plan, account: list[str]) -> None:
    """Plays, and compares.

    Args:
        watcher: the rung.
        puppets: who takes the steps.
        seed: what is drawn.
        plan: how long, and when to look.
        account: a line is added for each step.

    Raises:
        Differs: it tells something else than what happened.
        Disturbed: by others on this machine.
        Silent: a puppet does not answer.
    """
    moves = {move: weight for move, weight in MOVES.items() if move.__name__ not in watcher.rung.spared}
    run = RandomRun(puppets, Random(seed), moves, account=account)
    comparison = Comparison(watcher, run.oracle, puppets.collector)
    try:
        for number, _ in enumerate(plan(run), start=1):
            run.collect()
            account.append(f"-- look {number}")
            _confirm(run)
            comparison.look()
        run.finish()
        account.append("-- look at the end")
        comparison.look()
        assert not run.oracle.alive()
    finally:
        run.close()


def _confirm(run: RandomRun) -> None:
    """/proc and kcmp agree with the oracle, so that what differs afterwards is epolltop."""
    there = reference_census([process.pid for process in run.oracle.processes])
    assert run.oracle.table() == there, f"the oracle is wrong: {run.oracle.table()}, there are {there}"
