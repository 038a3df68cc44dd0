"""Whatever programs do with instances, each rung tells it exactly as far as it sees."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from random import Random

import pytest

from epolltop.sources import SourceEnded
from epolltop.sources.recording import Recording
from tests.kernel.observing import Observing
from tests.kernel.truth import truth

from .comparison import Comparison, Differs
from .moves import MOVES, lacking
from .play import Play
from .stage import Silent, Stage
from .told import Disturbed, Watcher

pytestmark = pytest.mark.kernel

LOOKS, MOVES_A_LOOK, ATTEMPTS = 6, 10, 5
Plan = Callable[[Play], Iterator[None]]
"""Makes moves, and yields where epolltop is to be asked."""


def test_torture(watcher: Watcher, stage: Stage, seed: int, request: pytest.FixtureRequest) -> None:
    _torture(watcher, stage, seed, _drawn, request.node.nodeid)


def test_every_move(watcher: Watcher, stage: Stage, request: pytest.FixtureRequest) -> None:
    """None is left to chance."""
    _torture(watcher, stage, 0, _in_turn, request.node.nodeid)


def test_what_is_recorded_of_it(watcher: Watcher) -> None:
    """Replays to what was told live, to the last event."""
    lived = watcher.look()
    recording = Recording(watcher.recording.open("rb"))
    recording.open()
    again = Observing(recording)
    with closing(recording), contextlib.suppress(SourceEnded):
        while True:
            snapshot = again.refresh()
    cut = (*lived.source.blind_spots, f"the recording was cut off after {len(recording.times)} ticks")
    assert snapshot == replace(lived, source=replace(lived.source, kind="replay", blind_spots=cut))
    assert again.records == watcher.observing.records


def _drawn(play: Play) -> Iterator[None]:
    for _ in range(LOOKS):
        for _ in range(MOVES_A_LOOK):
            play.move()
        yield


def _in_turn(play: Play) -> Iterator[None]:
    moves = [move for move in play.moves if move not in lacking(play.stage)]
    play.random.shuffle(moves)
    for move in moves:
        assert play.reach(move), f"{move.__name__} was never possible"
        yield


def _torture(watcher: Watcher, stage: Stage, seed: int, plan: Plan, test: str) -> None:
    why = ""
    for attempt in range(ATTEMPTS):
        try:
            _play(watcher, stage, seed, plan, test)
        except (Disturbed, Silent) as error:
            why = f"seed {seed}, attempt {attempt}: {error}"
            warnings.warn(why, stacklevel=1)
            if isinstance(error, Silent):
                stage.restart()
        else:
            return
    pytest.fail(f"no attempt was exact, because of others on this machine, or of puppets that do not answer; {why}")


def _play(watcher: Watcher, stage: Stage, seed: int, plan: Plan, test: str) -> None:
    moves = {move: weight for move, weight in MOVES.items() if move.__name__ not in watcher.rung.spared}
    play = Play(stage, Random(seed), moves)
    comparison = Comparison(watcher, play.oracle, stage.collector)
    try:
        for number, _ in enumerate(plan(play), start=1):
            play.collect()
            play.account.append(f"-- look {number}")
            _confirm(play)
            comparison.look()
        play.finish()
        play.account.append("-- look at the end")
        comparison.look()
        assert not play.oracle.alive()
    except (Disturbed, Silent):
        raise
    except Differs as differences:
        raise pytest.fail.Exception(_report(play, seed, test, differences), pytrace=False) from None
    except Exception as error:
        raise AssertionError(_report(play, seed, test, error)) from error
    finally:
        play.close()


def _confirm(play: Play) -> None:
    """/proc and kcmp agree with the oracle, so that what differs afterwards is epolltop."""
    there = truth([process.pid for process in play.oracle.processes])
    assert play.oracle.table() == there, f"the oracle is wrong: {play.oracle.table()}, there are {there}"


def _report(play: Play, seed: int, test: str, error: Exception) -> str:
    """All that happened, in order, then what is wrong."""
    return "\n".join(
        (
            f"EPOLLTOP_SEED={seed} .venv/bin/python -m pytest '{test}'",
            "What was done, by process/thread, + what it made, - which instances it ended:",
            *play.account,
            str(error) or repr(error),
        )
    )
