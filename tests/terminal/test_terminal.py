"""The real program in a real terminal on the real kernel, watching a real workload."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import stat
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import COMMAND, environment
from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .tmux import PROMPT, Terminal

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.kernel,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]

GREYS = {0, 7, 8, 15, 16, 59, 102, 145, 188, 231, *range(232, 256)}
"""Of the 256 colours that tmux knows."""


@pytest.fixture
def actor() -> Iterator[Actor]:
    with Actor() as started:
        started.do("hold", count=3)
        yield started


def start(terminal: Terminal, actor: Actor, *arguments: str) -> None:
    """Until the workload is on screen, with rates."""
    terminal.command(" ".join(["epolltop", "-p", str(actor.pid), *arguments]))
    terminal.until(lambda text: re.search(rf"▸ *{actor.pid} \S+ +3 +0 ", text))


def quits(terminal: Terminal) -> float:
    """Presses q; how long until the prompt is there."""
    began = time.monotonic()
    terminal.press("q")
    terminal.back()
    return time.monotonic() - began


def test_it_shows_the_workload_as_it_is(terminal: Terminal, actor: Actor) -> None:
    start(terminal, actor)
    screen = terminal.sees("epolltop bpf", "3 instances in 1 process")
    assert "q Quit" in screen.splitlines()[-1]
    actor.create()
    terminal.until(lambda text: re.search(rf"▸ *{actor.pid} \S+ +4 ", text))
    terminal.sees("create ", "created an epoll")
    actor.do("pairs", count=5)
    terminal.sees("created 6 ", "freed 5 ", "failed 0")
    terminal.resize(160, 36)
    terminal.until(lambda text: re.search(rf"▸ *{actor.pid} \S+ +4 .* 6 +5 ", text))  # CREATED and FREED
    took = quits(terminal)
    print(f"\nfrom q to the prompt: {took * 1e3:.0f} ms")  # noqa: T201  told, not judged


def test_keys(terminal: Terminal, actor: Actor, tmp_path: Path) -> None:
    with Actor() as other:
        other.do("hold", count=9)
        start(terminal, actor, "-p", str(other.pid), "-s", "pid")
        first, second = sorted([actor.pid, other.pid])
        terminal.press("r")
        terminal.until(lambda text: text.index(f" {second} ") < text.index(f" {first} "))
        terminal.sees("PID▼")
        terminal.press(">", ">")
        terminal.sees("OPEN▼")
        terminal.type("/open>8")  # all at once: no key may get past the filter bar
        terminal.until(lambda text: f" {other.pid} " in text and f" {actor.pid} " not in text)
        terminal.type(">")
        terminal.sees("^ '>' is no unit of open")
        terminal.press("BSpace", "Enter")
        terminal.until(lambda text: "filter: open>8" in text and "is no unit" not in text)
        terminal.press("Space")
        terminal.sees("PAUSED at")
        terminal.press("e")
        terminal.sees("Exported to")
        terminal.press("Space")
        terminal.until(lambda text: "PAUSED" not in text)
        terminal.press("?")
        terminal.sees("Keys: Views and rows")
        terminal.press("Escape")
        terminal.until(lambda text: "Keys: Views and rows" not in text)
        terminal.press("Escape")
        terminal.until(lambda text: "filter:" not in text)
        terminal.press("q")
        assert terminal.status() == 0
    (path,) = tmp_path.glob("epolltop-*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [process["pid"] for process in json.loads(path.read_text())["processes"]] == [other.pid]


@pytest.mark.parametrize("before", [("Tab",), ("Enter",), ("3",), ("BSpace", "2")], ids=" ".join)
def test_keys_in_a_burst_stay_in_the_filter_bar(terminal: Terminal, actor: Actor, before: tuple[str, ...]) -> None:
    """What a key before it does may not take the focus of the filter bar."""
    start(terminal, actor)
    terminal.press(*before, "/", "q", "q", "q")
    terminal.sees("filter: qqq ")
    terminal.press("Escape")
    terminal.until(lambda text: "filter:" not in text)
    terminal.press("q")
    assert terminal.status() == 0


def test_bytes_that_are_no_text_do_nothing(terminal: Terminal, actor: Actor, tmp_path: Path) -> None:
    start(terminal, actor)
    (tmp_path / "bytes").write_bytes(b"\xff\xc3q\xe4")  # a q that is no part of them
    terminal.tmux("load-buffer", str(tmp_path / "bytes"))
    terminal.type("/")
    terminal.sees("words, open>10")
    terminal.tmux("paste-buffer", "-r")
    terminal.press("x")
    terminal.until(lambda text: re.search(r"filter: .*q.*x ", text))  # the rows follow what is typed a moment later
    terminal.press("Escape")
    terminal.until(lambda text: "filter:" not in text)
    terminal.press("q")
    assert terminal.status() == 0


@pytest.mark.parametrize("key", ["q", "C-c", "F10", "C-q"])
def test_the_terminal_is_given_back(terminal: Terminal, actor: Actor, key: str) -> None:
    before = terminal.state()
    start(terminal, actor)
    assert terminal.state() != before
    terminal.press(key)
    assert terminal.status() == 0
    assert terminal.state() == before
    told = [line for line in terminal.lines if line and PROMPT not in line and not line.startswith("status=")]
    assert told == []  # nothing from clang, libbpf or Python


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 0), (signal.SIGHUP, 129)], ids=str
)
def test_signals_end_it_cleanly(terminal: Terminal, actor: Actor, number: int, status: int) -> None:
    before = terminal.state()
    start(terminal, actor)
    terminal.signal(number)
    assert terminal.status() == status
    assert terminal.state() == before


def test_a_signal_while_it_attaches(terminal: Terminal) -> None:
    before = terminal.state()
    terminal.command("epolltop")
    terminal.sees("attaching probes")
    terminal.signal(signal.SIGTERM)
    assert terminal.status() == 143
    assert terminal.state() == before


def test_quitting_while_it_attaches(terminal: Terminal) -> None:
    terminal.command("epolltop")
    terminal.sees("attaching probes")
    terminal.press("q")
    assert terminal.status() == 0


def test_a_terminal_that_goes_away_ends_it(terminal: Terminal, actor: Actor) -> None:
    start(terminal, actor)
    pid = terminal.child()
    terminal.tmux("respawn-pane", "-k", "sleep 1000")
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), PATIENCE_S)


def test_a_hang_up_is_told_as_one(actor: Actor) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    screen = ["setsid", "--ctty", *COMMAND, "-p", str(actor.pid)]
    with subprocess.Popen(screen, stdin=slave, stdout=slave, stderr=subprocess.PIPE, env=environment()) as program:
        try:
            os.close(slave)
            seen = b""
            while b"by FINDING" not in seen:
                seen += os.read(master, 65536)
            os.close(master)
            assert (program.wait(PATIENCE_S), program.communicate()[1]) == (129, b"")
        finally:
            program.kill()


def test_killed_it_leaves_nothing_behind_in_the_kernel(terminal: Terminal, actor: Actor) -> None:
    start(terminal, actor)
    pid = terminal.child()
    terminal.signal(signal.SIGKILL)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), PATIENCE_S)
    terminal.command("reset; clear")
    assert terminal.status() == 0
    start(terminal, actor)  # nothing of the former is in the way
    terminal.press("q")
    assert terminal.status() == 0


def test_suspending_and_resuming(terminal: Terminal, actor: Actor) -> None:
    before = terminal.state()
    start(terminal, actor)
    terminal.press("C-z")
    terminal.back()
    assert terminal.state() == before
    terminal.command("fg")
    terminal.sees("epolltop bpf", "q Quit", f" {actor.pid} ")
    actor.create()
    terminal.until(lambda text: re.search(rf"▸ *{actor.pid} \S+ +4 ", text))
    terminal.press("q")
    assert terminal.status() == 0
    assert terminal.state() == before


def test_a_stop_that_no_key_asked_for(terminal: Terminal, actor: Actor) -> None:
    before = terminal.state()
    # The shell between looks for nothing but the end; tmux and an interactive shell would act on the stop.
    terminal.command(f"sh -c 'epolltop -p {actor.pid}; exit $?'")
    terminal.sees("3 instances in 1 process", "created 0 ")
    children = Path(f"/proc/{terminal.child()}/task/{terminal.child()}/children")
    stopped = int(children.read_text())
    for _ in range(3):
        os.kill(stopped, signal.SIGSTOP)
        actor.create()
        os.kill(stopped, signal.SIGCONT)
        terminal.press("2")
        terminal.sees("WATCHES")
        terminal.press("1")
        terminal.sees("FREED/S")
    terminal.sees("6 instances in 1 process", "created 3 ")
    terminal.press("q")
    assert terminal.status() == 0
    assert terminal.state() == before


def test_a_stop_that_is_taken_back_at_once_leaves_nobody_stopped(terminal: Terminal, actor: Actor) -> None:
    before = terminal.state()
    terminal.command(f"sh -c 'epolltop -p {actor.pid}; exit $?'")
    terminal.sees("3 instances in 1 process", "created 0 ")
    children = Path(f"/proc/{terminal.child()}/task/{terminal.child()}/children")
    stopped = int(children.read_text())

    def shows(key: str, word: str) -> None:
        def asked() -> bool:  # now and then: what is typed while it leaves the terminal is nobody's
            terminal.press(key)
            return eventually(lambda: word in terminal.text, 2.0)

        eventually(asked, PATIENCE_S)

    for pause_s in (0.0, 0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5):
        os.kill(stopped, signal.SIGTSTP)
        time.sleep(pause_s)
        os.kill(stopped, signal.SIGCONT)
        shows("2", "WATCHES")
        shows("1", "FREED/S")
    os.kill(stopped, signal.SIGTSTP)
    state = Path(f"/proc/{stopped}/stat")
    eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", PATIENCE_S)
    os.kill(stopped, signal.SIGCONT)
    shows("2", "WATCHES")
    terminal.press("q")
    assert terminal.status() == 0
    assert terminal.state() == before


def test_redrawing_what_somebody_wrote_over(terminal: Terminal, actor: Actor) -> None:
    start(terminal, actor)
    tty = Path(terminal.tmux("display-message", "-p", "#{pane_tty}").strip())
    tty.write_text("\x1b[2J\x1b[HRUBBISH")
    terminal.sees("RUBBISH")
    terminal.press("C-l")
    terminal.until(lambda text: "RUBBISH" not in text and "q Quit" in text and "events of all" in text)


def test_resizing(terminal: Terminal, actor: Actor) -> None:
    start(terminal, actor)
    for width, height in ((20, 5), (80, 24), (60, 15), (250, 70), (20, 5), (120, 36)):
        terminal.resize(width, height)
        wanted = "/ Filt" if width < 60 else f" {actor.pid} "

        def drawn(screen: str, wanted: str = wanted) -> bool:
            first, *_, last = screen.splitlines()
            return first.startswith(" ✓ nothing found") and "/ Filt" in last and wanted in screen

        screen = terminal.until(drawn)
        assert max(map(len, screen.splitlines())) <= width
    terminal.sees("COMMAND", "LIMIT", "instances of")
    terminal.press("q")
    assert terminal.status() == 0


def test_no_color(terminal: Terminal, actor: Actor) -> None:
    for arguments in (("--no-color",), ("--ascii",)):
        terminal.command(f"epolltop {arguments[0]} -p {actor.pid}")
        terminal.until(lambda text: re.search(rf"[▸>] *{actor.pid} \S+ +3 +0 ", text))
        if arguments == ("--ascii",):
            assert terminal.text.isascii()
        else:
            painted = terminal.coloured
            assert not re.search(r"\x1b\[([0-9;]*;)?[349][1-6]m", painted)
            assert {int(number) for number in re.findall(r"[34]8;5;(\d+)", painted)} <= GREYS
        terminal.press("q")
        terminal.back()


def test_a_source_that_cannot_run_is_told_after_the_screen_is_back(terminal: Terminal) -> None:
    before = terminal.state()
    terminal.command("setpriv --reuid 65534 --regid 65534 --clear-groups epolltop --source bpf")
    terminal.sees("may not load BPF programs", "remedy: run it as root: sudo /")
    assert terminal.status() == 3
    assert terminal.state() == before


def test_without_privileges_it_shows_proc_and_says_so(terminal: Terminal) -> None:
    terminal.command("setpriv --reuid 65534 --regid 65534 --clear-groups epolltop")
    terminal.sees("epolltop proc", "note: only /proc is read, since privileges")
    terminal.press("q")
    assert terminal.status() == 0


def test_standard_error_may_go_to_a_file(terminal: Terminal, actor: Actor, tmp_path: Path) -> None:
    start(terminal, actor, "2>log")
    terminal.press("q")
    assert terminal.status() == 0
    assert (tmp_path / "log").read_bytes() == b""


def test_without_a_terminal_worth_the_name_it_is_batch_output(terminal: Terminal, actor: Actor) -> None:
    terminal.command(f"TERM=dumb epolltop -n 1 -d 0.2 -p {actor.pid}")
    terminal.sees("epolltop: this terminal cannot move its cursor (TERM): writing batch output", f" {actor.pid} ")
    assert terminal.status() == 0


def test_without_a_keyboard_it_is_batch_output(terminal: Terminal, actor: Actor) -> None:
    terminal.command(f"epolltop -n 1 -d 0.2 -p {actor.pid} </dev/null")
    terminal.sees("epolltop: stdin is not a terminal: writing batch output", f" {actor.pid} ")
    assert terminal.status() == 0
