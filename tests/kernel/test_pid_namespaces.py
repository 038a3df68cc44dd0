"""An epolltop inside a PID namespace: pids are those of the /proc it sees, and nobody from outside shows."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tests.cli.program import COMMAND, ROOT, environment
from tests.waiting import eventually
from tests.workloads.client import Actor

from . import namespaces
from .namespaces import FOREIGN_PROC, OWN_PROC, Contained

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(bool(namespaces.missing()), reason=namespaces.missing() or "there are namespaces"),
]

_libc = ctypes.CDLL(None, use_errno=True)
_SYS_PIDFD_GETFD = 438

Event = dict[str, Any]
Told = Callable[[str, Callable[[], object], Callable[[Event], bool]], Event]


def _read(stream: Iterable[str], lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line)


@contextlib.contextmanager
def _events(*through: str) -> Iterator[Told]:
    """The program's events as they come: does something until an event of that name came of it, from whom is meant."""
    command = [*through, *COMMAND, "events", "--json", "--source", "bpf"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment()) as program:
        assert program.stdout is not None
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_read, args=(program.stdout, lines))
        reader.start()

        def told(name: str, act: Callable[[], object], is_meant: Callable[[Event], bool]) -> Event:
            def look() -> Event | None:
                assert program.poll() is None, "the program ended"
                act()
                while True:
                    try:
                        event: Event = json.loads(lines.get(timeout=0.2))
                    except queue.Empty:
                        return None
                    if event["eventName"] == name and is_meant(event):
                        return event

            found = eventually(look, 30)
            assert found is not None
            return found

        try:
            yield told
        finally:
            os.kill(namespaces.last_child(program.pid), signal.SIGTERM)  # not nsenter(1), which does not pass it on
            program.wait(20)
            reader.join(5)


@pytest.mark.parametrize(
    ("around", "own_proc", "shown"),
    [((OWN_PROC,), True, "inner"), ((OWN_PROC, OWN_PROC), True, "inner"), ((FOREIGN_PROC,), False, "outer")],
    ids=["own /proc", "nested", "/proc of the namespace around it"],
)
def test_pids_are_those_of_its_proc(around: tuple[tuple[str, ...], ...], own_proc: bool, shown: str) -> None:
    with Contained(*around) as contained, Actor() as outside:
        pid = contained.ns_pid if shown == "inner" else contained.pid
        with _events(*contained.beside(proc=own_proc)) as told:

            def act() -> None:
                if shown == "inner":  # else it is in the namespace of that /proc, and rightly shows
                    outside.do("pairs", count=1)
                contained.do("pairs", count=1)

            def is_meant(event: Event) -> bool:
                # Inside nobody else may show at all; around it others of this machine do.
                return shown == "inner" or bool(event["processId"] == pid)

            created = told("epoll_create1", act, is_meant)
            assert (created["processId"], created["threadId"]) == (pid, pid)
            assert bool(created["parentProcessId"]) == (shown == "outer")
            assert told("files_free", act, is_meant)["processId"] == pid


def test_what_ends_outside_was_ended_by_somebody_without_a_number() -> None:
    with Contained() as contained, _events(*contained.beside(proc=True)) as told:

        def act() -> None:
            fd = contained.create()
            process = os.pidfd_open(contained.pid)
            copy = _libc.syscall(_SYS_PIDFD_GETFD, process, fd, 0)
            contained.do("close", fds=[fd])
            for each in (copy, process):
                os.close(each)

        released = told("files_free", act, lambda _: True)
        assert (released["processId"], released["epoll"]["by_kernel"], released["epoll"]["by_census"]) == (
            None,
            False,
            False,
        )
        assert released["epoll"]["lifetime_ns"] > 0
