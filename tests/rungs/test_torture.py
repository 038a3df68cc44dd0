"""Whatever programs do with instances, each rung tells it exactly as far as it sees."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import replace

import pytest

from epolltop.errors import SourceEnded
from epolltop.model.limits import RECORDING_CUT, Limit
from epolltop.sources.recording.reader import Recording
from tests.kernel.observing import Observing

from .comparison import Differs
from .puppets import Puppets, Silent
from .reported import Disturbed, Watcher
from .torture import Plan, drawn, each_in_turn, torture

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

ATTEMPTS = 5


def test_torture(watcher: Watcher, puppets: Puppets, seed: int, request: pytest.FixtureRequest) -> None:
    _withstood(watcher, puppets, seed, drawn, request.node.nodeid)


def test_every_move(watcher: Watcher, puppets: Puppets, request: pytest.FixtureRequest) -> None:
    _withstood(watcher, puppets, 0, each_in_turn, request.node.nodeid)


def test_what_is_recorded_of_it(watcher: Watcher) -> None:
    """Replays to what was told live, to the last event."""
    lived = watcher.look()
    recording = Recording(watcher.recording.open("rb"))
    recording.open()
    again = Observing(recording)
    with contextlib.closing(recording), contextlib.suppress(SourceEnded):
        while True:
            snapshot = again.refresh()
    cut = (*lived.source.limits, Limit.of(RECORDING_CUT, ticks=len(recording.times)))
    assert snapshot == replace(lived, source=replace(lived.source, kind="replay", limits=cut))
    assert again.records == watcher.observing.records


def _withstood(watcher: Watcher, puppets: Puppets, seed: int, plan: Plan, test: str) -> None:
    why = ""
    for attempt in range(ATTEMPTS):
        account: list[str] = []
        try:
            torture(watcher, puppets, seed, plan, account)
        except (Disturbed, Silent) as error:
            why = f"seed {seed}, attempt {attempt}: {error}"
            warnings.warn(why, stacklevel=1)
            if isinstance(error, Silent):
                puppets.restart()
        except Differs as differences:
            raise pytest.fail.Exception(_report(account, seed, test, differences), pytrace=False) from None
        except Exception as error:
            raise AssertionError(_report(account, seed, test, error)) from error
        else:
            return
    pytest.fail(f"no attempt was exact, because of others on this machine, or of puppets that do not answer; {why}")


def _report(account: list[str], seed: int, test: str, error: Exception) -> str:
    """All that happened, in order, then what is wrong."""
    return "\n".join(
        (
            f"EPOLLTOP_SEED={seed} .venv/bin/python -m pytest '{test}'",
            "What was done, by process/thread, + what it made, - which instances it ended:",
            *account,
            str(error) or repr(error),
        )
    )
