"""What /proc tells across PID namespaces: from outside, from inside, and through another namespace's /proc."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from epolltop.model.limits import FOREIGN_PROC as PROC_IS_FOREIGN
from epolltop.model.limits import HIDEPID, PART_OF_MACHINE, UNCOMPARED
from epolltop.model.process import ProcessKey
from epolltop.proc.pids import OwnPids
from epolltop.proc.procfs import Procfs
from tests.cli.program import COMMAND, environment
from tests.kernel.namespaces import FOREIGN_PROC, OWN_PROC, OWN_USERS, Contained, cgroup, missing
from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .proc_tree import Tree

ID = "3f2a81d09c" * 6 + "0d4c"

needs_namespaces = pytest.mark.skipif(bool(missing()), reason=f"no PID namespace can be made here: {missing()}")


def source(through: Sequence[str] = ()) -> str:
    """A snapshot of the source's, as JSON."""
    return _output([*through, COMMAND[0], "-c", SNAPSHOT])


def epolltop(*arguments: str, through: Sequence[str] = ()) -> str:
    """What it prints, from /proc."""
    return _output([*through, *COMMAND, "--source", "proc", *arguments])


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd="/", env=environment(), timeout=PATIENCE_S
    )
    beside = [line for line in done.stderr.splitlines() if not line.startswith("epolltop: note: ")]
    assert (done.returncode, beside) == (0, [])
    return done.stdout


SNAPSHOT = """
import select
from epolltop.model.world import World
from epolltop.output.formats import as_json
from epolltop.output.report import Report
from epolltop.query.view import PROCESSES, View
from epolltop.sources.proc_source import ProcSource
own = select.epoll()
source, world = ProcSource(), World()
source.open()
world.apply(source.poll())
snapshot = world.freeze(world.open_window())
print("".join(as_json(Report(snapshot, View(PROCESSES), snapshot.processes))))
"""
"""A third of the time of the whole program."""


class Told:
    """One snapshot of the source's, which is run somewhere, or of the whole program's."""

    def __init__(self, *arguments: str, through: Sequence[str] = ()) -> None:
        written = epolltop("snapshot", "-d", "0", *arguments, through=through) if arguments else source(through)
        self.document: dict[str, Any] = json.loads(written)
        self.limits: list[str] = [limit["id"] for limit in self.document["limits"]]
        self.rows: dict[int, dict[str, Any]] = {row["pid"]: row for row in self.document["processes"]}

    def instances(self, *pids: int) -> dict[str, set[tuple[int, int]]]:
        """Of these processes: pids and descriptors by instance."""
        found: dict[str, set[tuple[int, int]]] = {}
        for pid in pids:
            for instance in self.rows[pid]["instances"]:
                found.setdefault(instance["id"], set()).update((pid, fd) for fd in instance["fds"])
        return found

    def tells_of_itself(self) -> bool:
        """Whether the process of the source is among those it tells of."""
        return any("own = select.epoll()" in row["command"] for row in self.rows.values())


def twice(actor: Actor) -> list[int]:
    """Two descriptors of one instance."""
    fd = actor.create()
    return [fd, actor.do("dup", fd=fd)["fd"]]


# From outside.


@needs_namespaces
@pytest.mark.parametrize("around", [(OWN_PROC,), (OWN_USERS,), (OWN_PROC, OWN_PROC)], ids=["", "rootless", "nested"])
def test_from_outside_a_process_has_its_pid_here_and_its_pid_there(around: tuple[Sequence[str], ...]) -> None:
    with Contained(*around) as actor:
        twice(actor)
        child = actor.do("fork")["pid"]
        told = Told()
        row = told.rows[actor.pid]
        assert (row["ns_pid"], row["open"]) == (actor.ns_pid, 1)
        assert actor.ns_pid == 1 != actor.pid
        assert [row["ns_pid"] for row in told.rows.values() if row["ppid"] == actor.pid] == [child]


@needs_namespaces
def test_whose_pid_is_the_same_outside_is_in_no_namespace_of_its_own() -> None:
    with Actor() as actor:
        actor.create()
        row = Told().rows[actor.pid]
        assert row["ns_pid"] == actor.pid
        assert row["container"] is None


@needs_namespaces
def test_the_name_of_a_control_group_tells_the_container() -> None:
    with Contained() as actor, Actor() as other, cgroup(f"/system.slice/docker-{ID}.scope", actor.pid):
        actor.create()
        other.create()
        pids = "-p", str(actor.pid), "-p", str(other.pid)
        told = Told(*pids, "-F", f"container:{ID[:12]}")
        assert [(row["pid"], row["container"]) for row in told.rows.values()] == [(actor.pid, ID)]
        heading, *lines = epolltop("-b", "-n", "1", "-w", "180", "-s", "pid", *pids).split("\n\n")[1].split("\n")
        cells = [dict(zip(heading.split(), line.split(), strict=False)) for line in lines if line]
        shown = {cell["PID"]: (cell["CONTAINER"], cell["NSPID"]) for cell in cells}
        assert shown == {str(actor.pid): (ID[:12], "1"), str(other.pid): ("-", "-")}
        assert "CONTAINER" not in epolltop("-b", "-n", "1", "-w", "140", "-p", str(other.pid))
        (line,) = epolltop("snapshot", "-d", "0", "--format", "csv", *pids[:2]).splitlines()[1:]
        assert ID in line.split(",")


# From inside.

BOUND_PROC = (
    *FOREIGN_PROC, "--mount", "sh", "-c", 'mount -t proc none /mnt && mount --bind /mnt /proc && exec "$@"', "sh"
)  # fmt: skip


@needs_namespaces
@pytest.mark.parametrize("around", [OWN_PROC, OWN_USERS, BOUND_PROC], ids=["", "rootless", "bound"])
def test_inside_pids_are_those_of_the_inside_and_the_rest_is_said_to_be_unseen(around: Sequence[str]) -> None:
    with Contained(around) as actor:
        twice(actor)
        child = actor.do("fork")["pid"]
        users = ["--user", "--preserve-credentials"] if around is OWN_USERS else []
        inside = [*actor.beside(proc=True)[:-1], *users]
        told = Told(through=inside)
        assert list(told.rows) == [actor.ns_pid, child]
        assert list(map(len, told.instances(actor.ns_pid, child).values())) == [4]
        assert {row["ns_pid"] for row in told.rows.values()} == {actor.ns_pid, child}
        assert PART_OF_MACHINE in told.limits
        assert told.document["source"]["census_by"] == "/proc + kcmp"
        assert not told.tells_of_itself()
        assert list(Told("-p", str(child), through=inside).rows) == [child]
        assert "NSPID" not in epolltop("-b", "-n", "1", "-w", "140", through=inside)


def test_on_the_machine_itself_nothing_is_said_of_namespaces() -> None:
    if Procfs().shows_machine():
        assert not {PART_OF_MACHINE, UNCOMPARED, PROC_IS_FOREIGN} & set(Told().limits)


# With another namespace's /proc.


@needs_namespaces
def test_with_the_proc_of_around_pids_are_those_of_around_and_ours_are_compared() -> None:
    with Contained() as actor, Actor() as stranger, Contained() as sister:
        for each in (actor, stranger, sister):
            twice(each)
        actor.do("fork")
        told = Told(through=actor.beside(proc=False))
        child = next(pid for pid, row in told.rows.items() if row["ppid"] == actor.pid)
        assert {actor.pid, child, stranger.pid, sister.pid} <= told.rows.keys()
        assert list(map(len, told.instances(actor.pid, child).values())) == [4]
        # In a sister namespace pid 1 is another process than in ours: only kcmp(2) of the wrong one would answer.
        assert (actor.ns_pid, sister.ns_pid) == (1, 1)
        assert list(map(len, told.instances(stranger.pid, sister.pid).values())) == [1, 1, 1, 1]
        assert UNCOMPARED in told.limits
        assert not told.tells_of_itself()
        assert list(Told("-p", str(actor.pid), through=actor.beside(proc=False)).rows) == [actor.pid]


@needs_namespaces
def test_a_thread_that_outlives_its_leader_is_compared_by_its_own_number() -> None:
    with Contained() as around:
        inside = around.beside(proc=False)
        with Contained(inside, FOREIGN_PROC) as actor:
            twice(actor)
            actor.do("outlive_leader", threads=2)
            eventually(lambda: not os.listdir(f"/proc/{actor.pid}/fd"))
            assert list(map(len, Told(through=inside).instances(actor.pid).values())) == [2]


@needs_namespaces
def test_namespaces_below_ours_are_compared_too() -> None:
    with Contained() as actor:
        inside = actor.beside(proc=False)
        with Contained(inside, FOREIGN_PROC, OWN_PROC) as nested:
            twice(nested)
            told = Told(through=inside)
            assert list(map(len, told.instances(nested.pid).values())) == [2]
            assert told.rows[nested.pid]["ns_pid"] == nested.ns_pid == 1


@needs_namespaces
def test_what_is_not_compared_keeps_its_numbers() -> None:
    with Contained() as actor, Actor() as stranger:
        places = twice(stranger)
        inside = actor.beside(proc=False)
        program = (
            "import json; from epolltop.sources.proc_source import ProcSource\n"
            f"source = ProcSource(); pid = {stranger.pid}\n"
            "looks = [source.poll().census.holdings for _ in range(20)]\n"
            "print(json.dumps([[(each.fd, each.file) for each in look if each.pid == pid] for look in looks]))\n"
            "print(json.dumps([one is other for one, other in zip(looks, looks[1:])]))"
        )
        looks, same = map(json.loads, _output([*inside, COMMAND[0], "-c", program]).splitlines())
        assert [fd for fd, _ in looks[0]] == places
        assert all(look == looks[0] for look in looks)
        assert any(same), "what was not compared is taken for new each time"


@needs_namespaces
def test_the_proc_of_a_namespace_that_we_are_not_in_is_shown_and_said() -> None:
    with Contained() as actor:
        twice(actor)
        told = Told(through=actor.beside(proc=True, pids=False))
        assert list(told.rows) == [actor.ns_pid]
        assert list(map(len, told.instances(actor.ns_pid).values())) == [1, 1]
        assert PROC_IS_FOREIGN in told.limits
        assert PART_OF_MACHINE in told.limits
        assert told.document["source"]["census_by"] == "/proc"
        assert told.document["self"]["rss_bytes"] > 1 << 20


@needs_namespaces
@pytest.mark.parametrize("how", ["invisible", "noaccess"])
def test_what_hidepid_hides_is_said(how: str) -> None:
    script = 'mount -t proc -o "hidepid=$0" none /proc && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"'
    with Actor() as stranger:
        stranger.create()
        try:
            told = Told(through=["unshare", "--mount", "sh", "-c", script, how])
        except AssertionError as error:
            if "Permission denied" in str(error) or "No module named" in str(error):
                pytest.skip("the checkout or its Python is private")
            raise
        assert stranger.pid not in told.rows
        if how == "invisible":
            assert HIDEPID in told.limits
        else:
            assert told.document["source"]["unreadable"] > 0


# The translation alone.


def test_equal_numbers_in_two_namespaces_are_not_the_same_process(tree: Tree) -> None:
    """The caller happens to have the same pid in its own namespace as in the tree's."""
    me = os.getpid()
    tree.add(me, names=(me, me))
    (tree.root / "self").symlink_to(str(me))
    (tree.root / str(me) / "ns").mkdir()
    (tree.root / str(me) / "ns" / "pid").symlink_to("/proc/self/ns/pid")
    tree.add(7, names=(7,))
    pids = OwnPids(Procfs(str(tree.root)))
    assert pids.known
    assert pids.learn([ProcessKey(me, 500), ProcessKey(7, 500)]) == 1
    assert pids.own(me) == me
    with pytest.raises(PermissionError):
        pids.own(7)
    with pytest.raises(ProcessLookupError):
        pids.own(8)
