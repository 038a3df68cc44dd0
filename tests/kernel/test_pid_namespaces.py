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

from epolltop.model.limits import OUTSIDE_NAMESPACE, THREAD_TABLES_UNSEEN, UNCOMPARED
from tests.cli.observation import observed, row_of
from tests.cli.program import COMMAND, ROOT, environment
from tests.waiting import eventually
from tests.workloads.client import Actor

from . import namespaces
from .namespaces import FOREIGN_PROC, OWN_PROC, Contained, last_child

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.alone,
    pytest.mark.skipif(bool(namespaces.missing()), reason=namespaces.missing() or "there are namespaces"),
]

_libc = ctypes.CDLL(None, use_errno=True)
_SYS_PIDFD_GETFD = 438

Event = dict[str, Any]
Told = Callable[[str, Callable[[], object], Callable[[Event], bool]], Event]


PLACES = pytest.mark.parametrize(
    ("around", "own_proc", "shown"),
    [((OWN_PROC,), True, "inner"), ((OWN_PROC, OWN_PROC), True, "inner"), ((FOREIGN_PROC,), False, "outer")],
    ids=["own /proc", "nested", "/proc of the namespace around it"],
)


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

            found = eventually(look)
            assert found is not None
            return found

        try:
            yield told
        finally:
            os.kill(namespaces.last_child(program.pid), signal.SIGTERM)  # not nsenter(1), which does not pass it on
            program.wait(20)
            reader.join(5)


@PLACES
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


@PLACES
def test_who_holds_what_and_what_each_did_is_told_by_the_pids_of_its_proc(
    around: tuple[tuple[str, ...], ...], own_proc: bool, shown: str
) -> None:
    with Contained(*around) as contained, Actor() as outside:
        old = contained.create()
        forked: list[int] = []

        def act() -> None:
            outside.do("hold", count=3)
            outside.do("pairs", count=1000)
            contained.do("pairs", count=7)
            contained.create()
            forked.append(contained.do("fork")["pid"])
            contained.child(forked[0], "pairs", count=2)
            contained.child(forked[0], "close", fds=[old])

        through = contained.beside(proc=own_proc)
        document = observed(act, through=through)
        inner, outer = (contained.ns_pid, *forked), (contained.pid, last_child(contained.pid))
        pids = inner if shown == "inner" else outer
        parent, child = (row_of(document, pid) for pid in pids)
        assert (parent["created"], parent["released"], parent["open"], parent["create_failed"]) == (8, 7, 2, 0)
        assert (child["created"], child["released"], child["open"], child["ppid"]) == (2, 2, 1, pids[0])
        assert {one["provenance"]: (one["holders"], one["creator"]) for one in parent["instances"]} == {
            "found": ([pids[0]], None),
            "traced": ([*pids], pids[0]),
        }
        (shared,) = child["instances"]
        assert shared["id"] in {one["id"] for one in parent["instances"]}
        if shown == "inner":  # what others create and release is no loss; some may release what is older
            assert document["source"]["untold_releases"] < 1000
        strangers = {row["pid"] for row in document["processes"]} - {*pids}
        assert not strangers if shown == "inner" else outside.pid in strangers
        alone = observed(lambda: contained.do("pairs", count=5), "-p", str(pids[0]), through=through)
        assert [(row["pid"], row["created"], row["open"]) for row in alone["processes"]] == [(pids[0], 5, 2)]
        assert (alone["totals"]["created"], alone["totals"]["instances"]) == (5, 2)


def test_where_proc_shows_more_than_the_namespace_the_census_walks_it_and_says_what_it_does_not_know() -> None:
    with Contained(FOREIGN_PROC) as contained, Actor() as outside:
        fds = [outside.create()]
        fds += [outside.do("dup", fd=fds[0])["fd"]]
        through = contained.beside(proc=False)
        document = observed(contained.create, through=through)
        assert document["source"]["census_by"] == "/proc + kcmp"
        assert {UNCOMPARED, THREAD_TABLES_UNSEEN} <= {limit["id"] for limit in document["limits"]}
        assert sorted(one["fds"] for one in row_of(document, outside.pid)["instances"]) == [[fd] for fd in fds]
        insisting = observed(contained.create, "--attach", "census=iterator", through=through)
        assert insisting["source"]["census_by"] == "iterator:task_file"
        assert OUTSIDE_NAMESPACE in {limit["id"] for limit in insisting["limits"]}
        assert row_of(insisting, contained.pid)["open"] == 2
        assert outside.pid not in {row["pid"] for row in insisting["processes"]}
