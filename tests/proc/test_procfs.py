from __future__ import annotations

import os
import resource
import select
import subprocess
import sys
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from epolltop.model.process import ProcessKey
from epolltop.proc.procfs import Procfs
from tests.proc.proc_tree import LONG, LONG_FD, LONG_LIST, Tree, child, key
from tests.waiting import eventually
from tests.workloads.client import Actor

ME = os.getpid()
KERNEL_THREAD = 0x00208040


def test_the_machines_own_proc_is_known_by_its_kernel_threads(tree: Tree) -> None:
    procfs = Procfs(str(tree.root))
    assert not procfs.shows_machine()
    tree.add(2)
    assert not procfs.shows_machine()
    tree.add(2, flags=KERNEL_THREAD)
    assert procfs.shows_machine()


def test_nothing_is_no_process(tree: Tree) -> None:
    procfs = Procfs(str(tree.root))
    (tree.root / "43").mkdir()
    (tree.root / "43" / "stat").write_bytes(b"43 (cut")
    for pid in (42, 43):
        assert procfs.process(ProcessKey(pid, 0)) is None
        assert procfs.start_ticks(pid) is None
        assert procfs.epoll_fds(pid).fds == []
        assert watch_count(procfs, pid, 3) is None
    with pytest.raises(FileNotFoundError):
        Procfs(str(tree.root / "missing")).pids()


def test_pids_are_the_numbers(tree: Tree) -> None:
    for name in ("1", "42", "self", "sys", "4x"):
        (tree.root / name).mkdir()
    assert sorted(Procfs(str(tree.root)).pids()) == [1, 42]
    assert Procfs(str(tree.root)).own_pid() is None


def test_only_epoll_links_count(tree: Tree) -> None:
    event, poll = "anon_inode:[eventfd]", "anon_inode:[eventpoll]"
    tree.add(42, links={0: "/dev/null", 9: poll, 10: poll, 4: event, 5: "/tmp/anon_inode:[eventpoll]", 6: "\udcff"})
    assert Procfs(str(tree.root)).epoll_fds(42).fds == [9, 10]


def test_denied_kernel_threads_and_zombies_hide_nothing(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.add(42)
    tree.add(43, flags=KERNEL_THREAD)
    tree.add(44, state="Z")
    tree.add(45, state="Z", threads=3)
    opened = os.open

    def denied(path: str, flags: int) -> int:
        if path.endswith("/fd"):
            raise PermissionError
        return opened(path, flags)

    monkeypatch.setattr("epolltop.proc.procfs.os.open", denied)
    procfs = Procfs(str(tree.root))
    for pid in (42, 45):  # threads that outlive their leader
        with pytest.raises(PermissionError):
            procfs.epoll_fds(pid)
    assert procfs.epoll_fds(43).fds == procfs.epoll_fds(44).fds == []


def test_our_own_lack_of_descriptors_is_not_silence(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.add(42)

    def full(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("epolltop.proc.procfs.os.open", full)
    with pytest.raises(OSError, match="Too many"):
        Procfs(str(tree.root)).epoll_fds(42)


def test_real_child() -> None:
    code = "keep = [select.epoll() for _ in range(7)]; copy = os.dup(keep[0].fileno())"
    with child(code) as process:
        procfs = Procfs()
        facts = procfs.process(key(process.pid))
        fds = procfs.epoll_fds(process.pid).fds
        assert process.pid in procfs.pids()
    assert facts is not None
    assert (facts.ppid, facts.uid) == (ME, os.geteuid())
    assert facts.command.startswith(f"{sys.executable} -c import os")
    assert "\\x0a" in facts.command
    assert facts.fds == 3 + 8
    assert facts.fd_limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert len(fds) == 8
    assert fds == sorted(fds)


def test_real_child_that_dies() -> None:
    with child("keep = select.epoll()") as process:
        procfs = Procfs()
        who = key(process.pid)
        (fd,) = procfs.epoll_fds(process.pid).fds
        assert watch_count(procfs, process.pid, fd) == 0
        process.kill()
        # Waits without reaping: the zombie still has a pid.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        zombie = procfs.process(who)
        assert zombie is not None
        assert zombie.command == f"[{zombie.name}]"
        assert not zombie.fds
        assert procfs.epoll_fds(process.pid).fds == []
        process.wait()
        assert procfs.process(who) is None
        assert procfs.epoll_fds(process.pid).fds == []
        assert watch_count(procfs, process.pid, fd) is None


def test_only_who_is_no_more_has_ended(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "100"]) as child:
        started = Procfs().start_ticks(child.pid)
        assert started is not None
        key = ProcessKey(child.pid, started)
        silent = Procfs(str(tmp_path))  # as one that hides others' processes
        assert (Procfs().has_ended(key), silent.has_ended(key)) == (False, False)
        assert Procfs().has_ended(key._replace(start=started - 1)), "its pid is another's"
        child.kill()
    assert (Procfs().has_ended(key), silent.has_ended(key)) == (True, True)


def test_real_threads_that_outlive_their_leader_show_what_it_no_longer_does() -> None:
    with Actor() as actor:
        procfs = Procfs()
        fd, before = actor.create(), procfs.process(key(actor.pid))
        assert before is not None
        assert procfs.epoll_fds(actor.pid)[:2] == (actor.pid, [fd])
        actor.do("outlive_leader", threads=3)
        eventually(lambda: not os.listdir(f"/proc/{actor.pid}/fd"))
        assert procfs.epoll_fds(actor.pid)[:2] == (min(others(actor.pid)), [fd])
        after = procfs.process(before.key)
        assert after is not None
        assert after.fds == before.fds == len(os.listdir(f"/proc/{min(others(actor.pid))}/fd"))
        actor.do("watch", fd=fd, count=2)
        assert watch_count(procfs, actor.pid, fd) == 2
        assert watch_count(procfs, actor.pid, 999) is None


def others(pid: int) -> set[int]:
    """The threads of a process but for the main one."""
    return {int(thread) for thread in os.listdir(f"/proc/{pid}/task")} - {pid}


def watch_count(procfs: Procfs, pid: int, fd: int) -> int | None:
    measured = procfs.measure(pid, fd)
    return measured and measured.watches


def test_watch_count_is_the_length_of_the_interest_list() -> None:
    pipes = [os.pipe() for _ in range(13)]
    with closing(select.epoll()) as instance:
        for ends in pipes:
            instance.register(ends[0])
        assert watch_count(Procfs(), ME, instance.fileno()) == 13
        instance.unregister(pipes[0][0])
        assert watch_count(Procfs(), ME, instance.fileno()) == 12
        assert watch_count(Procfs(), ME, pipes[0][0]) is None
    for end in (end for ends in pipes for end in ends):
        os.close(end)


def test_whether_a_descriptor_is_closed_on_exec_is_read_with_its_list() -> None:
    with closing(select.epoll()) as instance:
        for inheritable in (False, True, False):
            os.set_inheritable(instance.fileno(), inheritable)
            assert Procfs().measure(ME, instance.fileno()) == (0, not inheritable)


def test_a_long_interest_list_is_counted_and_never_held() -> None:
    with child(LONG_LIST) as process:
        tracemalloc.start()
        try:
            assert watch_count(Procfs(), process.pid, LONG_FD) == LONG
            assert tracemalloc.get_traced_memory()[1] < LONG * 80 / 4  # of the bytes that the kernel prints
        finally:
            tracemalloc.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_real_stranger_is_denied_but_counted() -> None:
    code = "from epolltop.proc.procfs import Procfs\nfrom epolltop.model.process import ProcessKey\nprocfs = Procfs()\n"
    code += f"process = procfs.process(ProcessKey({ME}, 0))\nassert process and process.uid == 0\n"
    code += f"assert procfs.measure({ME}, 0) is None\nassert procfs.epoll_fds(2).fds == []\n"
    code += f"try:\n    procfs.epoll_fds({ME})\nexcept PermissionError:\n    print('denied', process.fds)"
    word, fds = said_by_nobody(code).split()
    assert word == "denied"
    # Since Linux 6.2 the number of descriptors is public.
    assert fds == "None" or int(fds) > 2


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_real_threads_of_ones_own_are_read_though_the_table_of_their_leader_went_to_root() -> None:
    with Actor(through=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")) as own, Actor() as other:
        fd = own.create()
        for actor in (own, other):
            actor.do("outlive_leader", threads=2)
        eventually(lambda: os.stat(f"/proc/{own.pid}/fd").st_uid == 0)
        eventually(lambda: not os.listdir(f"/proc/{other.pid}/fd"))
        code = f"from epolltop.proc.procfs import Procfs\nprint(*Procfs().epoll_fds({own.pid}).fds)\n"
        code += f"try:\n    Procfs().epoll_fds({other.pid})\nexcept PermissionError:\n    print('denied')"
        assert said_by_nobody(code).split() == [str(fd), "denied"]


def said_by_nobody(code: str) -> str:
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], user=65534, group=65534, cwd=root, capture_output=True, text=True, check=False
        )
    except PermissionError:
        pytest.skip("the checkout or its Python is private")
    assert done.stderr == ""
    return done.stdout
