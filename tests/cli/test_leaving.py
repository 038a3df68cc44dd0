"""Ways out and what is under way: each has an end."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from epolltop.ui.terminal.driver import TALLEST
from tests.waiting import PATIENCE_S, eventually

from .program import COMMAND, started
from .ptys import Pty, on_a_pty

pytestmark = pytest.mark.slow

LATE_S = 8.0
"""What does not leave waits for ever; what does is gone in two seconds on a machine that has nothing else to do."""

BUSY = """
import sys, time
from epolltop.sources.proc_source import ProcSource
polls, poll = 0, ProcSource.poll
def busy(self, *asked):
    global polls
    polls += 1
    if polls > {polls}:
        {does}
    return poll(self, *asked)
ProcSource.poll = busy
from epolltop.entry import enter
enter()
"""
"""The program, whose source answers no more after some polls."""
WAITS, COMPUTES = "time.sleep(1000)", "exec('while True: pass')"
HELP_AND_BACK = b"??"
"""Not Escape: with the key after it, it would be another key if both are read at once."""
CANCEL = b"\x18"
"""Of whatever was cut off when the terminal took no more; all is drawn anew after it."""
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
PROC = ("--source", "proc")


def busy(does: str, *arguments: str, polls: int = 1) -> list[str]:
    return [sys.executable, "-c", BUSY.format(does=does, polls=polls), *PROC, *arguments]


@pytest.fixture(name="recording", scope="module")
def _recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("recorded") / "a.rec")
    subprocess.run([*COMMAND, *PROC, "record", path, "-d", "1"], check=True, capture_output=True, timeout=60)
    return path


def left(program: subprocess.Popen[Any], how: int | None = None) -> int:
    """Its exit code, soon."""
    began = time.monotonic()
    if how is not None:
        program.send_signal(how)
    code = program.wait(LATE_S)
    print(f"gone after {time.monotonic() - began:.1f} s")  # noqa: T201  told, not judged
    return code


# A source that does not answer.


@pytest.mark.parametrize(
    ("command", "number", "does"),
    [
        (("-b",), signal.SIGINT, WAITS),
        (("-b",), signal.SIGTERM, COMPUTES),
        (("events",), signal.SIGHUP, WAITS),
        (("snapshot", "-d", "1"), signal.SIGTERM, WAITS),
        (("snapshot", "-d", "1"), signal.SIGINT, COMPUTES),
    ],
)
def test_signals_end_what_waits_for_a_source(command: tuple[str, ...], number: int, does: str) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(busy(does, *command), stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as program:
        try:
            is_hung(program.pid)
            assert left(program, number) == SIGNALS[signal.Signals(number)]
            assert b"Traceback" not in program.communicate()[1]
        finally:
            program.kill()


def is_hung(pid: int) -> None:
    """Until it is past its first poll, and two seconds old: then it is in the second, whose begin nobody sees."""
    began = time.monotonic()
    eventually(lambda: len(os.listdir(f"/proc/{pid}/task")) >= 3 and time.monotonic() > began + 2)


def test_a_recording_stands_up_to_where_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with subprocess.Popen(busy(WAITS, "record", str(path)), stderr=subprocess.DEVNULL) as program:
        try:
            eventually(path.exists)
            is_hung(program.pid)
            assert left(program, signal.SIGINT) == 0
        finally:
            program.kill()
    ended = subprocess.run([*COMMAND, "replay", str(path), "snapshot"], capture_output=True, timeout=60, check=False)
    assert ended.returncode == 0


@pytest.mark.parametrize(
    ("how", "code", "does"),
    [
        (b"q", 0, WAITS),
        (b"q", 0, COMPUTES),
        (b"\x03", 0, COMPUTES),
        (signal.SIGINT, 0, WAITS),
        (signal.SIGTERM, 143, COMPUTES),
        (signal.SIGHUP, 129, WAITS),
        (None, 129, COMPUTES),
    ],
)
def test_a_screen_is_left_though_its_source_does_not_answer(how: bytes | int | None, code: int, does: str) -> None:
    with on_a_pty(busy(does)) as screen:
        screen.sees(b"Quit")
        is_hung(screen.program.pid)
        assert leave(screen, how) == code
        if how is not None:
            is_given_back(screen)


def leave(screen: Pty, how: bytes | int | None) -> int:
    if how is None:
        screen.drop()
    elif isinstance(how, bytes):
        screen.type(how)
        how = None
    return left(screen.program, how)


def is_given_back(screen: Pty) -> None:
    screen.stall()
    seen = screen.seen + screen.rest()
    # Maybe twice: by the screen, and over the head of one that takes long. Who is back stays so.
    assert seen.rfind(b"\x1b[?1049l") > seen.rfind(b"\x1b[?1049h")
    assert termios.tcgetattr(screen.master) == screen.settings


# A terminal that is gone, or takes nothing.


@pytest.mark.parametrize(
    "command",
    [("-b",), ("-b", "-d", "100"), ("events",), ("snapshot", "-d", "100"), ("REPLAY",), ()],
    ids=" ".join,
)
def test_a_terminal_that_is_gone_is_left(command: tuple[str, ...], recording: str) -> None:
    arguments = ("replay", recording) if command == ("REPLAY",) else (*PROC, *command)
    with on_a_pty([*COMMAND, *arguments]) as opened:
        if command in ((), ("REPLAY",)):
            opened.sees(b"Quit")
        else:
            eventually(lambda: len(os.listdir(f"/proc/{opened.program.pid}/task")) >= 3)
        opened.drop()
        assert left(opened.program) == 129


@pytest.mark.parametrize("how", [b"q", b"\x03", signal.SIGTERM, None], ids=["q", "ctrl-c", "TERM", "gone"])
@pytest.mark.parametrize("command", [("-d", "0.1"), ("REPLAY",)], ids=["live", "replay"])
def test_a_screen_that_nobody_reads_is_left(command: tuple[str, ...], how: bytes | int | None, recording: str) -> None:
    arguments = ("replay", recording) if command == ("REPLAY",) else (*PROC, *command)
    with on_a_pty([*COMMAND, *arguments]) as screen:
        screen.sees(b"Quit")
        screen.stall()
        screen.fill(HELP_AND_BACK)
        code = leave(screen, how)
        assert code == (143 if how == signal.SIGTERM else 129 if how is None else 0)
        if how is not None:
            assert b"\x1b[?1049l" in screen.rest()
            assert termios.tcgetattr(screen.master) == screen.settings


def test_a_screen_is_drawn_anew_when_somebody_reads_again() -> None:
    with on_a_pty([*COMMAND, *PROC, "-d", "100"]) as screen:
        screen.sees(b"Quit")
        screen.stall()
        screen.fill(HELP_AND_BACK)
        eventually(lambda: is_idle(screen.program.pid))
        screen.read_on()
        eventually(lambda: b"epolltop proc" in screen.seen.partition(CANCEL)[2], 20)
        screen.type(b"q")
        assert left(screen.program) == 0


def is_idle(pid: int) -> bool:
    """Whether it waits rather than asks again and again."""
    before = cpu_s(pid)
    time.sleep(1)
    return cpu_s(pid) - before < 0.5


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_terminal_that_says_any_size_is_drawn_on() -> None:
    with on_a_pty([*COMMAND, *PROC]) as screen:
        screen.sees(b"Quit")
        fcntl.ioctl(screen.master, termios.TIOCSWINSZ, struct.pack("4H", 65535, 65535, 0, 0))
        os.kill(screen.program.pid, signal.SIGWINCH)
        screen.sees(f"\x1b[{TALLEST};".encode())
        assert f"\x1b[{TALLEST + 1};".encode() not in screen.seen
        screen.type(b"q")
        assert screen.program.wait(PATIENCE_S) == 0


# A pipe.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("command", [("-b", "--json", "-d", "0.1"), ("record", "-")], ids=" ".join)
def test_a_pipe_that_nobody_reads_keeps_nobody(command: tuple[str, ...], number: signal.Signals) -> None:
    ours, theirs = os.pipe()
    fcntl.fcntl(ours, 1031, 4096)  # F_SETPIPE_SZ
    with started(*PROC, *command, stdout=theirs, text=False) as program:
        os.close(theirs)
        select.select([ours], [], [], 30)
        time.sleep(1)  # until it has no room, or nothing more comes
        code = 0 if "record" in command and number == signal.SIGINT else SIGNALS[number]
        assert left(program, number) == code
    os.close(ours)


@pytest.mark.parametrize("command", [("-b", "-d", "100"), ("events",), ("snapshot", "-d", "100")], ids=" ".join)
def test_a_pipe_that_nobody_can_read_is_left(command: tuple[str, ...]) -> None:
    ours, theirs = os.pipe()
    with started(*PROC, *command, stdout=theirs, text=False) as program:
        os.close(theirs)
        eventually(lambda: len(os.listdir(f"/proc/{program.pid}/task")) >= 3)
        os.close(ours)
        assert left(program) == 0
        said = os.fsencode(program.communicate()[1]).splitlines()
        assert all(line.startswith(b"epolltop: note: ") for line in said), said  # of what /proc does not tell


# Signals.


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_signals_that_were_ignored_stay_so(number: signal.Signals) -> None:
    others = [other for other in (signal.SIGTERM, signal.SIGINT) if other != number]
    script = f"trap '' {int(number)}; exec \"$@\""
    with subprocess.Popen(
        ["sh", "-c", script, "sh", *COMMAND, *PROC, "-b", "-d", "0.1", "--json"], stdout=subprocess.PIPE
    ) as program:
        try:
            assert program.stdout is not None
            program.stdout.readline()
            program.send_signal(number)
            for _ in range(5):
                assert program.stdout.readline()
            assert program.poll() is None
            program.stdout.close()
            assert left(program, others[0]) in (0, SIGNALS[others[0]])
        finally:
            program.kill()


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.1, 0.2, 0.3, 0.45])
@pytest.mark.parametrize("number", [signal.SIGINT], ids=lambda number: number.name)
def test_at_any_moment_of_the_start_a_signal_is_silent(number: signal.Signals, after_s: float) -> None:
    with started(*PROC, "snapshot", "-d", "60") as program:
        handled = eventually(lambda: caught(program.pid, number) or program.poll() is not None)
        assert handled
        time.sleep(after_s)
        program.send_signal(number)
        written, said = program.communicate(timeout=PATIENCE_S)
    assert (program.returncode, said) == (SIGNALS[number], "")
    assert written == "" or written.endswith("}\n")


def caught(pid: int, number: int) -> bool:
    """Whether it is caught, and by us: Python catches SIGINT from its own begin on, and no other."""
    mask = int(Path(f"/proc/{pid}/status").read_text().split("SigCgt:")[1].split()[0], 16)
    return all(mask >> (one - 1) & 1 for one in (number, signal.SIGHUP))


def test_who_is_asked_again_leaves_at_once(tmp_path: Path) -> None:
    with subprocess.Popen(busy(WAITS, "-b"), stdout=subprocess.DEVNULL) as program:
        try:
            is_hung(program.pid)
            program.send_signal(signal.SIGTERM)
            time.sleep(0.4)
            assert left(program, signal.SIGINT) == 143
        finally:
            program.kill()
