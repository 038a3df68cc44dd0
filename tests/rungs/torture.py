"""One run of the torture: moves, and looks in between at which a rung must tell what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tests.kernel.truth import truth

from .comparison import Comparison
from .moves import MOVES, PREPARED_BY, lacking
from .play import Play
from .stage import Stage
from .told import Watcher

LOOKS, MOVES_A_LOOK = 6, 10
Plan = Callable[[Play], Iterator[None]]
"""Makes moves, and yields where epolltop is to be asked."""


def drawn(play: Play) -> Iterator[None]:
    """Whatever comes."""
    for _ in range(LOOKS):
        for _ in range(MOVES_A_LOOK):
            play.move()
        yield


def each_in_turn(play: Play) -> Iterator[None]:
    """Every move that this machine allows, so that none is left to chance."""
    moves = [move for move in play.moves if move not in lacking(play.stage)]
    play.random.shuffle(moves)
    for number, move in enumerate(moves, start=1):
        assert play.reach(move, PREPARED_BY.get(move, ())), f"{move.__name__} was never possible"
        if number % MOVES_A_LOOK == 0 or number == len(moves):
            yield


def torture(watcher: Watcher, stage: Stage, seed: int, plan: Plan, account: list[str]) -> None:
    """Plays, and compares.

    Args:
        watcher: the rung.
        stage: puppets.
        seed: what is drawn.
        plan: how long, and when to look.
        account: a line is added for each step.

    Raises:
        Differs: it tells something else than what happened.
        Disturbed: by others on this machine.
        Silent: a puppet does not answer.
    """
    moves = {move: weight for move, weight in MOVES.items() if move.__name__ not in watcher.rung.spared}
    play = Play(stage, Random(seed), moves, account=account)
    comparison = Comparison(watcher, play.oracle, stage.collector)
    try:
        for number, _ in enumerate(plan(play), start=1):
            play.collect()
            account.append(f"-- look {number}")
            _confirm(play)
            comparison.look()
        play.finish()
        account.append("-- look at the end")
        comparison.look()
        assert not play.oracle.alive()
    finally:
        play.close()


def _confirm(play: Play) -> None:
    """/proc and kcmp agree with the oracle, so that what differs afterwards is epolltop."""
    there = truth([process.pid for process in play.oracle.processes])
    assert play.oracle.table() == there, f"the oracle is wrong: {play.oracle.table()}, there are {there}"
