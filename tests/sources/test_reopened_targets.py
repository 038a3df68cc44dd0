"""Never a wrong name: a program opens, copies, swaps and closes files under the numbers that are being looked at."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter

import pytest

from epolltop.model.socket import NamespaceSockets
from epolltop.model.watch import TargetKind, Watch
from epolltop.own_process.pace import Deadline
from epolltop.proc import kcmp
from epolltop.proc.ends import Ends
from epolltop.proc.target_facts import target_facts
from epolltop.sources.sightings import Observer
from epolltop.sources.target_names import named
from tests.workloads import reopener

READS_S = 20.0


def is_right(watch: Watch) -> bool:
    """Whether the name is that of the file of which the program says so with the watch."""
    kind, said = reopener.KINDS[watch.data & 15], watch.data >> 4
    details = dict(watch.target.details)
    if kind == "socket":
        return watch.target.kind in (TargetKind.UNIX, TargetKind.SOCKET) and details["inode"] == said
    if kind.startswith("pipe"):
        end = details.get("end", kind.split()[1])  # that of a stale one is not told
        return (watch.target.kind, end, details["inode"]) == (TargetKind.PIPE, kind.split()[1], said)
    if kind == "eventfd":
        return (watch.target.kind, details.get("count")) == (TargetKind.EVENTFD, said)
    if kind == "timerfd":
        return (watch.target.kind, details.get("interval_ns")) == (TargetKind.TIMERFD, said)
    told = target_facts(TargetKind.SIGNALFD, f"sigmask:\t{said:016x}\n".encode()).lasting
    return (watch.target.kind, watch.target.details[:1]) == (TargetKind.SIGNALFD, told)


def watches_of(pid: int, fd: int) -> list[Watch]:
    """Without the names of sockets and of other ends, which take most of the time and need no descriptor."""
    observer = Observer("/proc", [pid], fd, complete=True, is_target=kcmp.is_target, instance_of=lambda _pid, _fd: None)
    sightings, _ = observer.look(Deadline(1.0))
    return [named(each, pid, NamespaceSockets(), Ends(), b"") for each in sightings]


@pytest.mark.slow
@pytest.mark.parametrize(("moves", "mix"), [("5", "all"), ("1000", "all"), ("1000", "swaps")])
def test_no_name_is_wrong(moves: str, mix: str) -> None:
    seed = str(time.time_ns())
    names: Counter[str] = Counter()
    command = [sys.executable, reopener.__file__, seed, moves, mix]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin
        assert program.stdout
        try:
            pid, fd = map(int, program.stdout.readline().split())
            until = time.monotonic() + READS_S / 3
            while time.monotonic() < until:
                for watch in watches_of(pid, fd):
                    names[watch.target.kind.word] += 1
                    if watch.target.kind is not TargetKind.UNKNOWN:
                        assert is_right(watch), (seed, watch)
        finally:
            program.stdin.close()
    assert len(names) > 3, names
