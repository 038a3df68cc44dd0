"""Whatever strangers do, memory has a bound, and goes back when they are done."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from epolltop.ui.state.snapshot_history import ROOM
from tests.waiting import eventually
from tests.watchdog.attacks import PEAK_MB, attacking
from tests.watchdog.frontends import batch, report, screen, wait_for_ticks

STORMS = (("storm", "1000000", "1"),) * 4, (("brief", "1000", "20"),)
"""Few processes, or a thousand new ones a second, which leave rows behind."""
STORM_S = 10.0
KEPT_MB = 25.0
"""More than before the storm, at most: 10,000 events, and what allocators cannot give back around what stays. Events
alone, as objects among all that is made and forgotten in a storm, would hold on to 30 MB and more."""
WARM = 24
"""Ticks until everything that is shown was shown before."""
RENEWED_MB = 480.0
"""For 131,072 instances that are all new within ten seconds: those before them are in the history still. A quick
machine replaces more of them between two looks, and has had 424."""

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc"),
    pytest.mark.timeout(180),
]


@pytest.mark.parametrize("attacks", STORMS, ids=lambda attacks: attacks[0][0])
def test_the_memory_of_a_storm_is_given_back(
    hostile: Path, attacks: Sequence[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    kept_mb = {"batch": KEPT_MB, "screen": KEPT_MB + ROOM / 1e6}  # its last minutes, to step back
    with contextlib.ExitStack() as stack:
        watched = {"screen": stack.enter_context(screen()), "batch": stack.enter_context(batch())}
        wait_for_ticks({"screen": watched["screen"]}, WARM)
        wait_for_ticks(watched)
        before = {name: each.resident_mb() for name, each in watched.items()}
        with contextlib.ExitStack() as storms:
            for attack in attacks:
                storms.enter_context(attacking(hostile, attack))
            time.sleep(STORM_S)
        at_end = {name: each.resident_mb() for name, each in watched.items()}

        for name, each in watched.items():
            try:
                most_mb = before[name] + kept_mb[name]
                eventually(lambda each=each, most_mb=most_mb: each.resident_mb() <= most_mb)  # type: ignore[misc]
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
