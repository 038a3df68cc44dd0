"""Nothing that a stranger does makes a tick, a key or a signal wait, or takes memory without a bound.

Each attack runs as nobody while all front ends observe it at once. Printed is the longest time that each let somebody
wait, and its peak. Time is not asserted to a second, because the machine is shared: what has no bound takes minutes.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.waiting import eventually
from tests.watchdog.attacks import PEAK_MB, attacking
from tests.watchdog.frontends import Watched, batch, record, report, screen, wait_for_ticks

UNDER_ATTACK_S = 8.0
STUCK_S = 20.0
"""Longer than any step takes on a busy machine that four epolltops share, shorter than what has no bound."""
TERMINATED = 143

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc"),
    pytest.mark.timeout(180),
]

ATTACKS: Mapping[str, Sequence[str]] = {
    "leaderless": ("leaderless", "150", "4000"),
    "crowd": ("crowd", "150", "2000"),
    "brief": ("brief", "100", "1"),
    "storm": ("storm", "2000", "20000"),
    "stacks": ("stacks", "2000", "4000"),
}
FRONT_ENDS: Mapping[str, Callable[[Path], contextlib.AbstractContextManager[Watched]]] = {
    "screen": lambda _: screen("--stacks"),
    "batch": lambda _: batch("--stacks"),
    "filter": lambda _: batch("-F", r"command~.*a.*a.*a.*zz or name~(x+x+)y"),
    "record": lambda at: record(at / "under-attack.rec", "--stacks"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_holds_a_front_end(
    hostile: Path, attack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.ExitStack() as stack:
        watched = {name: stack.enter_context(begin(tmp_path)) for name, begin in FRONT_ENDS.items()}
        wait_for_ticks(watched)
        with attacking(hostile, ATTACKS[attack]):
            since = time.monotonic()
            time.sleep(UNDER_ATTACK_S)  # so long each is looked at
            until = time.monotonic()
            verdicts = {name: each.verdict(since, until) for name, each in watched.items()}

    report(capsys, attack, verdicts)
    for name, verdict in verdicts.items():
        assert verdict.longest_s < STUCK_S, name
        assert verdict.peak_mb < PEAK_MB, name
        assert verdict.left_s < STUCK_S, name
        assert verdict.code == TERMINATED, name


def test_what_was_recorded_of_an_attack_replays(
    hostile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "attack.rec"
    with record(path) as recording:
        wait_for_ticks({"record": recording})
        with attacking(hostile, ATTACKS["crowd"]):
            ticks = len(recording.ticks)
            eventually(lambda: len(recording.ticks) >= ticks + 3, 30.0)
        recording.verdict(time.monotonic(), time.monotonic())

    with screen("replay", str(path), "-F", r"command~.*a.*a.*a.*zz") as replaying:
        wait_for_ticks({"replay": replaying})
        since = time.monotonic()
        eventually(lambda: len(replaying.ticks) >= 12, 60.0)
        verdict = replaying.verdict(since, time.monotonic())

    report(capsys, "replayed", {"replay": verdict})
    assert verdict.longest_s < STUCK_S
    assert verdict.peak_mb < PEAK_MB
