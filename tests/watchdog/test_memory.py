"""Whatever strangers do, memory has a bound, and goes back when they are done."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.waiting import eventually
from tests.watchdog.attacks import PEAK_MB, attacking
from tests.watchdog.frontends import batch, report, screen, wait_for_ticks

STORMS = 4
STORM_S = 10.0
KEPT = 1.5
"""Times what it took before the storm, at most: what is remembered on purpose, and what allocators cannot give back."""
WARM = 24
"""Ticks until everything that is shown was shown before."""
RENEWED_MB = 400.0
"""For 131,072 instances that are all new within ten seconds: those before them are in the history still."""

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc"),
    pytest.mark.timeout(180),
]


def test_the_memory_of_a_storm_is_given_back(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.ExitStack() as stack:
        watched = {"screen": stack.enter_context(screen()), "batch": stack.enter_context(batch())}
        wait_for_ticks({"screen": watched["screen"]}, WARM)
        wait_for_ticks(watched)
        before = {name: each.resident_mb() for name, each in watched.items()}
        with contextlib.ExitStack() as storms:
            for _ in range(STORMS):
                storms.enter_context(attacking(hostile, ("storm", "1000000", "1")))
            time.sleep(STORM_S)
        at_end = {name: each.resident_mb() for name, each in watched.items()}

        for name, each in watched.items():
            try:
                eventually(lambda each=each, name=name: each.resident_mb() <= KEPT * before[name])  # type: ignore[misc]
            finally:
                with capsys.disabled():
                    sys.stdout.write(
                        f"\n  {name:7} {before[name]:4.0f} MB, at the end of the storm {at_end[name]:4.0f}, "
                        f"then {each.resident_mb():4.0f} MB, at most {each.peak_mb():4.0f} MB"
                    )


@pytest.mark.parametrize(("attack", "most_mb"), [("replaced", PEAK_MB), ("renewed", RENEWED_MB)])
def test_a_full_census_of_which_a_part_is_always_new_is_bounded_in_memory(
    hostile: Path, attack: str, most_mb: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Inherited, slightly more descriptors than one census tells, so that all are told in another way again and again.

    Or instances of their own, which all end at once.
    """
    with contextlib.ExitStack() as stack:
        watched = {"screen": stack.enter_context(screen()), "batch": stack.enter_context(batch())}
        wait_for_ticks(watched)
        since = time.monotonic()
        with attacking(hostile, (attack, "100", "1300")):
            time.sleep(14)  # so long each is looked at
        time.sleep(4)  # the end of all is the last thing that takes memory
        verdicts = {name: each.verdict(since, time.monotonic()) for name, each in watched.items()}

    report(capsys, attack, verdicts)
    for name, verdict in verdicts.items():
        assert verdict.peak_mb < most_mb, name
