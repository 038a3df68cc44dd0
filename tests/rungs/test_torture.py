"""Whatever programs do with instances, each rung tells it exactly as far as it sees."""

from __future__ import annotations

import warnings
from random import Random

import pytest

from tests.kernel.truth import truth

from .comparison import Comparison, Disturbed, Watcher
from .play import Play
from .stage import Stage

pytestmark = pytest.mark.kernel

LOOKS, MOVES, ATTEMPTS = 6, 10, 5


def test_torture(watcher: Watcher, stage: Stage, seed: int) -> None:
    for attempt in range(ATTEMPTS):
        try:
            _torture(watcher, stage, seed)
        except Disturbed as disturbed:
            warnings.warn(f"seed {seed}, attempt {attempt}: {disturbed}", stacklevel=1)
        else:
            return
    pytest.fail("others on this machine make so many events that none of the attempts was exact")


def _torture(watcher: Watcher, stage: Stage, seed: int) -> None:
    play = Play(stage, Random(seed), watcher.rung.spared)
    comparison = Comparison(watcher, play.oracle)
    try:
        for _ in range(LOOKS):
            for _ in range(MOVES):
                play.move()
            play.collect()
            play.account.append("-- look")
            assert play.oracle.table() == truth([process.pid for process in play.oracle.processes]), "the account"
            comparison.look()
        play.finish()
        play.account.append("-- look at the end")
        comparison.look()
        assert not play.oracle.alive()
    except Disturbed:
        raise
    except Exception as error:
        raise AssertionError("\n".join((f"EPOLLTOP_SEED={seed} repeats it:", *play.account, str(error)))) from error
    finally:
        play.close()
