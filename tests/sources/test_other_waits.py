"""Processes without an event loop: where their threads wait instead."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from epolltop.model.loop_activity import LoopKey
from epolltop.model.process import Process, ProcessKey
from epolltop.model.thread_waits import ThreadWaits
from epolltop.own_process.pace import Allowance, Deadline
from epolltop.proc.procfs import Procfs
from epolltop.sources.other_waits import OtherWaits
from tests.waiting import eventually

PROGRAM = Path(__file__).parents[1] / "workloads" / "waiting_in.py"


@contextlib.contextmanager
def waiting(**threads: int) -> Iterator[Process]:
    """A program with so many threads in each call, and one that waits for its input."""
    arguments = [f"{call}={number}" for call, number in threads.items()]
    with subprocess.Popen(
        [sys.executable, "-I", str(PROGRAM), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        try:
            assert program.stdout is not None
            has_ring = program.stdout.readline() == b"True\n"
            if "io_uring" in threads and not has_ring:
                pytest.skip("io_uring may not be used here")
            facts = Procfs().process(ProcessKey(program.pid, 0))
            assert facts is not None
            yield facts
        finally:
            program.kill()


def found(facts: Process, expected: ThreadWaits) -> bool:
    """Looks until the threads have come to where they are to wait."""
    waits = OtherWaits(Procfs())
    return eventually(lambda: waits.look({facts.key: facts}, ()).get(facts.key) == expected)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("poll", ThreadWaits(poll=3)),
        ("ppoll", ThreadWaits(poll=3)),
        ("select", ThreadWaits(select=3)),
        ("pselect", ThreadWaits(select=3)),
        ("io_uring", ThreadWaits(io_uring=3)),
    ],
)
def test_threads_are_counted_by_their_call(call: str, expected: ThreadWaits) -> None:
    with waiting(**{call: 3}) as facts:
        assert found(facts, expected)


def test_who_waits_for_no_file_only_sleeps() -> None:
    with waiting(sleep_in_poll=1, sleep_in_select=1, poll=1, select=2) as facts:
        assert found(facts, ThreadWaits(poll=1, select=2))


def test_who_has_a_loop_or_other_calls_is_not_looked_at() -> None:
    with waiting(poll=1) as facts:
        waits = OtherWaits(Procfs())
        assert facts.key in waits.look({facts.key: facts}, ())
        loop = LoopKey(1, 1, facts.key, facts.key.pid, 1)
        assert not waits.look({facts.key: facts}, [loop])
        assert not waits.look({facts.key: facts._replace(compat=True)}, ())


def test_nothing_is_known_of_another_process_with_that_pid() -> None:
    with waiting(poll=1) as facts:
        other = facts._replace(key=facts.key._replace(start=facts.key.start + 1))
        assert not OtherWaits(Procfs()).look({other.key: other}, ())


def test_a_loop_that_is_not_known_yet_is_no_wait_elsewhere() -> None:
    with waiting(poll=1) as facts:
        assert found(facts, ThreadWaits(poll=1))
    with waiting(poll=1, epoll=1) as facts:
        waits = OtherWaits(Procfs())
        eventually(lambda: facts.key not in waits.look({facts.key: facts}, ()))


def test_whose_threads_are_hidden_waits_we_do_not_know_where(tmp_path: Path) -> None:
    with waiting(poll=1) as facts:
        hidden = tmp_path / f"{facts.key.pid}"
        hidden.mkdir()
        (hidden / "stat").write_bytes(Path(f"/proc/{facts.key.pid}/stat").read_bytes())
        assert not OtherWaits(Procfs(str(tmp_path))).look({facts.key: facts}, ())


def test_a_look_that_takes_too_long_goes_on_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Allowance, "spend", lambda _: contextlib.nullcontext(Deadline(0)))
    with waiting(poll=2) as facts:
        waits, looks = OtherWaits(Procfs()), 1
        while facts.key not in waits.look({facts.key: facts}, ()):
            looks += 1
        assert looks == 1 + 3, "one thread a look, and the end"
