"""Ctrl-C on the terminal of a test run, whatever the run is busy with."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.program import ROOT, environment
from tests.support.interrupt import GRACE_S, MARK
from tests.waiting import PATIENCE_S, eventually

BUSY = {
    "catching": "\n    while True:\n        try: time.sleep(600)\n        except BaseException: pass",
    "in asyncio": "import asyncio; asyncio.run(asyncio.sleep(600))",
    "in a process": "subprocess.run(['sleep', '600'])",
    "in a thread": "threading.Thread(target=time.sleep, args=(600,)).start(); time.sleep(600)",
    "in a fixture": "",
    "in a worker": "\n    while True:\n        try: time.sleep(600)\n        except BaseException: pass",
}
RUN = """
import os, subprocess, sys, threading, time
import pytest

@pytest.fixture
def server():
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    started = [
        subprocess.Popen([sys.executable, "-c", deaf], start_new_session=far, stdout=subprocess.PIPE)
        for far in (False, True)
    ]
    given_away = f"exec >&-; ({{sys.executable}} -c '{{deaf}}' & echo $! >{{os.path.dirname(__file__)}}/pid) & wait"
    subprocess.run(["setsid", "sh", "-c", given_away], check=True)
    for process in started:
        process.stdout.readline()
    {before}
    yield
    for process in started:
        process.wait()  # for ever: it is deaf

def test_busy(server):
    print("READY", file=sys.__stderr__, flush=True)
    {busy}
"""


def alive(mark: bytes) -> list[str]:
    """Command lines of what that run has started, and of the run."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in process.joinpath("environ").read_bytes().split(b"\0"):
                found.append(process.joinpath("cmdline").read_bytes().decode())
        except OSError:
            continue
    return found


@pytest.mark.parametrize("busy", BUSY)
def test_it_ends_at_once_with_all_that_it_started(busy: str, tmp_path: Path) -> None:
    ready = "print('READY', file=sys.__stderr__, flush=True); time.sleep(600)" if busy == "in a fixture" else "pass"
    (tmp_path / "test_busy.py").write_text(RUN.format(before=ready, busy=BUSY[busy] or "pass"))
    mark = f"tests-{os.getpid()}-{time.monotonic_ns()}"
    master, slave = pty.openpty()
    command = ["setsid", "--ctty", sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "-p"]
    command += ["tests.support.interrupt", "-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path)]
    command += ["-n", "2"] if busy == "in a worker" else []
    told = environment(PYTHONPATH=str(ROOT), A_RUN=mark)
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env=told) as run:
        os.close(slave)
        try:
            text = b""
            deadline = time.monotonic() + PATIENCE_S
            while b"READY" not in text:
                assert time.monotonic() < deadline, text
                text += os.read(master, 4096)
            assert len(alive(f"A_RUN={mark}".encode())) >= 4
            began = time.monotonic()
            os.write(master, b"\x03")
            assert run.wait(PATIENCE_S) == pytest.ExitCode.INTERRUPTED
            assert time.monotonic() - began < GRACE_S + 2
            eventually(lambda: not alive(f"A_RUN={mark}".encode()))
        finally:
            run.kill()
            os.close(master)


def test_what_a_run_starts_is_marked(request: pytest.FixtureRequest) -> None:
    run = os.getppid() if hasattr(request.config, "workerinput") else os.getpid()
    assert os.environ[MARK] == str(run)
