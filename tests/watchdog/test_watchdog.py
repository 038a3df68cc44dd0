"""Nothing that a stranger does makes a tick, a key or a signal wait, or takes memory without a bound.

Each attack runs as nobody while all front ends observe it at once. Printed is the longest time that each let somebody
wait, and its peak. Time is not asserted to a second, because the machine is shared: what has no bound takes minutes.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.cli.program import NOBODY
from tests.waiting import eventually
from tests.watchdog.frontends import Verdict, Watched, batch, record, screen

HERE = Path(__file__).parent
UNDER_ATTACK_S = 8.0
STUCK_S = 20.0
"""Longer than any step takes on a busy machine that four epolltops share, shorter than what has no bound."""
PEAK_MB = 300.0
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


@pytest.fixture(scope="module")
def hostile() -> Iterator[Path]:
    """Built where nobody may enter."""
    with tempfile.TemporaryDirectory() as directory:
        built = Path(directory, "hostile")
        built.parent.chmod(0o755)
        source = HERE.parent / "workloads" / "hostile.c"
        subprocess.run(["gcc", "-O1", "-w", "-pthread", "-o", str(built), str(source)], check=True)
        yield built


@contextlib.contextmanager
def attacking(hostile: Path, words: Sequence[str]) -> Iterator[None]:
    """As nobody, under a name that filters search."""
    command = [str(hostile), *words, "a" * 3000]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd="/", start_new_session=True, **pipes, **NOBODY) as process:  # type: ignore[call-overload]
        try:
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_holds_a_front_end(
    hostile: Path, attack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.ExitStack() as stack:
        watched = {name: stack.enter_context(begin(tmp_path)) for name, begin in FRONT_ENDS.items()}
        _wait_for_ticks(watched)
        with attacking(hostile, ATTACKS[attack]):
            since = time.monotonic()
            time.sleep(UNDER_ATTACK_S)  # so long each is looked at
            until = time.monotonic()
            verdicts = {name: each.verdict(since, until) for name, each in watched.items()}

    _report(capsys, attack, verdicts)
    for name, verdict in verdicts.items():
        assert verdict.longest_s < STUCK_S, name
        assert verdict.peak_mb < PEAK_MB, name
        assert verdict.left_s < STUCK_S, name
        assert verdict.code == TERMINATED, name


def test_a_full_census_of_which_a_part_is_always_new_is_bounded_in_memory(
    hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slightly more descriptors than one census tells, so that all are told in another way again and again."""
    with contextlib.ExitStack() as stack:
        watched = {"screen": stack.enter_context(screen()), "batch": stack.enter_context(batch())}
        _wait_for_ticks(watched)
        since = time.monotonic()
        with attacking(hostile, ("replaced", "100", "1300")):
            time.sleep(12)  # so long each is looked at
        time.sleep(3)  # the end of all is the last thing that takes memory
        verdicts = {name: each.verdict(since, time.monotonic()) for name, each in watched.items()}

    _report(capsys, "replaced", verdicts)
    for name, verdict in verdicts.items():
        assert verdict.peak_mb < PEAK_MB, name


def test_what_was_recorded_of_an_attack_replays(
    hostile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "attack.rec"
    with record(path) as recording:
        _wait_for_ticks({"record": recording})
        with attacking(hostile, ATTACKS["crowd"]):
            ticks = len(recording.ticks)
            eventually(lambda: len(recording.ticks) >= ticks + 3, 30.0)
        recording.verdict(time.monotonic(), time.monotonic())

    with screen("replay", str(path), "-F", r"command~.*a.*a.*a.*zz") as replaying:
        _wait_for_ticks({"replay": replaying})
        since = time.monotonic()
        eventually(lambda: len(replaying.ticks) >= 12, 60.0)
        verdict = replaying.verdict(since, time.monotonic())

    _report(capsys, "replayed", {"replay": verdict})
    assert verdict.longest_s < STUCK_S
    assert verdict.peak_mb < PEAK_MB


def _wait_for_ticks(watched: Mapping[str, Watched]) -> None:
    def all_tick() -> bool:
        for name, each in watched.items():
            assert each.process.poll() is None, f"{name} ended with {each.process.returncode}"
            assert len(each.ticks) >= 2, f"{name} does not begin"
        return True

    eventually(all_tick, 45.0)


def _report(capsys: pytest.CaptureFixture[str], attack: str, verdicts: Mapping[str, Verdict]) -> None:
    with capsys.disabled():
        for name, verdict in verdicts.items():
            sys.stdout.write(
                f"\n  {attack:10} {name:7} longest wait {verdict.longest_s:5.2f} s, {verdict.ticks:3} ticks, "
                f"peak {verdict.peak_mb:4.0f} MB, SIGTERM to end {verdict.left_s:4.2f} s"
            )
