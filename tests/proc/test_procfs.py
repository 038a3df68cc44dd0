from __future__ import annotations

import os
import resource
import select
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from epolltop.model.process import ProcessKey
from epolltop.proc.procfs import Procfs
from tests.waiting import eventually
from tests.workloads.client import Actor

ME = os.getpid()
KERNEL_THREAD = 0x00208040
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            {soft:<20} 524288               files
Max locked memory         8388608              8388608              bytes
"""


LONG, LONG_FD = 20_000, 9
LONG_LIST = f"""
instance = select.epoll()
os.dup2(instance.fileno(), {LONG_FD})
for pair in range({LONG} // 800):
    target = os.eventfd(0) if hasattr(os, "eventfd") else os.pipe()[0]
    for number in range(200, 1000):  # a copy is watched for as long as its file is open
        os.dup2(target, number)
        instance.register(number)
        os.close(number)
"""
"""A process with an interest list of that length, within 1,024 descriptors."""


class Tree:
    """A made-up /proc. It has no self, so the number of descriptors is counted as before Linux 6.2."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self,
        pid: int,
        comm: bytes = b"worker",
        *,
        start: int = 500,
        state: str = "S",
        threads: int = 1,
        flags: int = 0x400000,
        cmdline: bytes = b"/usr/bin/worker\0--port\x0080\0",
        cgroup: str = "0::/system.slice/worker.service\n",
        names: tuple[int, ...] = (),
        soft: str = "1024",
        links: dict[int, str] | None = None,
    ) -> None:
        directory = self.root / str(pid)
        (directory / "fd").mkdir(parents=True, exist_ok=True)
        for thread in range(pid, pid + threads):
            (directory / "task" / str(thread)).mkdir(parents=True, exist_ok=True)
        numbers = " ".join(str(number) for number in range(23, 53))
        after = f") {state} 7 1 1 0 -1 {flags} 10 11 12 13 14 15 16 17 20 0 {threads} 0 {start} {numbers}\n"
        (directory / "stat").write_bytes(f"{pid} (".encode() + comm + after.encode())
        (directory / "cmdline").write_bytes(cmdline)
        (directory / "cgroup").write_text(cgroup)
        status = f"Name:\tworker\nUmask:\t0022\nGroups:\t0 1 2 \nNSpid:\t{chr(9).join(map(str, names or (pid,)))}\n"
        (directory / "status").write_text(status + f"NSpgid:\t{pid}\n")
        (directory / "limits").write_text(LIMITS.format(soft=soft))
        for fd, target in (links or {}).items():
            (directory / "fd" / str(fd)).symlink_to(target)


@pytest.fixture(name="tree")
def _tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@contextmanager
def child(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has run some code, and then waits."""
    program = f"import os, select, sys\n{code}\nos.write(1, b'.')\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1) as process:
        try:
            assert process.stdout
            assert process.stdout.read(1) == b"."
            yield process
        finally:
            process.kill()


def key(pid: int) -> ProcessKey:
    start = Procfs().start_ticks(pid)
    assert start is not None
    return ProcessKey(pid, start)


def test_facts_of_an_ordinary_process(tree: Tree) -> None:
    tree.add(42, links={0: "/dev/null", 5: "anon_inode:[eventpoll]"})
    process = Procfs(str(tree.root)).process(ProcessKey(42, 500))
    assert process is not None
    assert process.key == (42, 500)
    assert (process.ppid, process.name, process.command) == (7, "worker", "/usr/bin/worker --port 80")
    assert (process.uid, process.cgroup) == (os.geteuid(), "/system.slice/worker.service")
    assert (process.fds, process.fd_limit) == (2, 1024)


@pytest.mark.parametrize(
    ("comm", "name"),
    [
        (b"a) S 1 2 (b", "a) S 1 2 (b"),
        (b") R 0 0", ") R 0 0"),
        (b"((((", "(((("),
        (b"a\nb\tc", "a\\x0ab\\x09c"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202eevil".encode(), "\\u202eevil"),
        (b"", ""),
        (
            b"kworker/u8:3-events_unbound_with_a_name_that_is_long",
            "kworker/u8:3-events_unbound_with_a_name_that_is_long",
        ),
    ],
)
def test_hostile_names(tree: Tree, comm: bytes, name: str) -> None:
    tree.add(42, comm, start=77, cmdline=b"")
    procfs = Procfs(str(tree.root))
    process = procfs.process(ProcessKey(42, 77))
    assert process is not None
    assert (process.name, process.command, process.ppid) == (name, f"[{name}]", 7)
    assert procfs.start_ticks(42) == 77


@pytest.mark.parametrize(
    ("cmdline", "command"),
    [
        (b"nginx: worker process\0\0\0\0", "nginx: worker process"),
        (b"postgres: checkpointer            ", "postgres: checkpointer"),
        (b"sh\0-c\0echo \x1b[2J\n\0", "sh -c echo \\x1b[2J\\x0a"),
        (b"a\0\0b\0", "a  b"),
        (b"\0\0 \0", "[worker]"),
        (b"\xff\0", "\\xff"),
        (b"x" * 5000, "x" * 5000),
    ],
)
def test_command_lines(tree: Tree, cmdline: bytes, command: str) -> None:
    tree.add(42, cmdline=cmdline)
    process = Procfs(str(tree.root)).process(ProcessKey(42, 0))
    assert process is not None
    assert process.command == command


@pytest.mark.parametrize(
    ("lines", "cgroup"),
    [
        ("0::/\n", "/"),
        ("0::/a:b/c d\n", "/a:b/c d"),
        ("12:pids:/\n3:cpu,cpuacct:/docker/1\n1:name=systemd:/x\n", "/docker/1"),
        ("1:name=systemd:/x\n0::/user.slice\n", "/user.slice"),
        ("4:memory:/kube\n0::/\n", "/kube"),
        ("10:a:/\n1:b:/\n", "/"),
        ("", ""),
        ("nonsense\n", ""),
    ],
)
def test_cgroups(tree: Tree, lines: str, cgroup: str) -> None:
    tree.add(42, cgroup=lines)
    process = Procfs(str(tree.root)).process(ProcessKey(42, 0))
    assert process is not None
    assert process.cgroup == cgroup


@pytest.mark.parametrize(
    ("names", "ns_pid"), [((42,), 42), ((42, 1), 1), ((42, 7, 3), 3)], ids=["ours", "a container's", "one inside it"]
)
def test_the_pid_inside_is_the_innermost(tree: Tree, names: tuple[int, ...], ns_pid: int) -> None:
    tree.add(42, names=names)
    procfs = Procfs(str(tree.root))
    process = procfs.process(ProcessKey(42, 0))
    assert process is not None
    assert (process.ns_pid, procfs.ns_pids(42)) == (ns_pid, names)


def test_the_pid_inside_of_a_member_of_very_many_groups_is_read(tree: Tree) -> None:
    tree.add(42)
    (tree.root / "42" / "status").write_text("Groups:\t" + "1000000001 " * 65_536 + "\nNSpid:\t42\t7\n")
    assert Procfs(str(tree.root)).ns_pids(42) == (42, 7)


@pytest.mark.parametrize("status", ["", "Name:\tworker\n", "Name:\tworker\nNSpid:\t4"])
def test_a_status_that_does_not_say_it_leaves_the_pid_inside_unknown(tree: Tree, status: str) -> None:
    tree.add(42)
    (tree.root / "42" / "status").write_text(status)
    process = Procfs(str(tree.root)).process(ProcessKey(42, 0))
    assert process is not None
    assert process.ns_pid is None


def test_the_pid_inside_is_read_once_and_the_container_again(tree: Tree) -> None:
    procfs = Procfs(str(tree.root))

    def look() -> tuple[int | None, str | None]:
        process = procfs.process(ProcessKey(42, 500))
        assert process is not None
        return process.ns_pid, process.container

    tree.add(42, names=(42, 1))
    assert look() == (1, None)
    tree.add(42, b"fresh", names=(42, 9), cgroup="0::/lxc.payload.web\n")
    assert look() == (1, "web")


def test_the_machines_own_proc_is_known_by_its_kernel_threads(tree: Tree) -> None:
    procfs = Procfs(str(tree.root))
    assert not procfs.shows_machine()
    tree.add(2)
    assert not procfs.shows_machine()
    tree.add(2, flags=KERNEL_THREAD)
    assert procfs.shows_machine()


def test_an_unlimited_or_missing_limit_is_none(tree: Tree) -> None:
    tree.add(42, soft="unlimited")
    tree.add(43)
    (tree.root / "43" / "limits").unlink()
    limits = [process.fd_limit for pid in (42, 43) if (process := Procfs(str(tree.root)).process(ProcessKey(pid, 0)))]
    assert limits == [None, None]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_unknown_user_is_its_number(tree: Tree) -> None:
    tree.add(42)
    os.chown(tree.root / "42", 3_999_999_999, -1)
    process = Procfs(str(tree.root)).process(ProcessKey(42, 0))
    assert process is not None
    assert (process.uid, process.user) == (3_999_999_999, "3999999999")


def test_a_reused_pid_is_another_process(tree: Tree) -> None:
    procfs = Procfs(str(tree.root))
    tree.add(42, start=500)
    assert procfs.process(ProcessKey(42, 500))
    tree.add(42, b"other", start=900, cmdline=b"other\0")
    assert procfs.process(ProcessKey(42, 500)) is None
    found = procfs.process(ProcessKey(42, 0))
    assert found is not None
    assert (found.key, found.command) == ((42, 900), "other")


def test_static_facts_are_read_again_after_exec_and_now_and_then(tree: Tree) -> None:
    procfs = Procfs(str(tree.root))

    def command() -> str | None:
        process = procfs.process(ProcessKey(42, 500))
        return process and process.command

    tree.add(42, cmdline=b"one\0")
    assert command() == "one"
    tree.add(42, b"fresh", cmdline=b"two\0")
    assert command() == "two"
    tree.add(42, b"fresh", cmdline=b"three\0")
    assert command() == "two"
    assert "three" in [command() for _ in range(10)]


def test_forgotten_processes_are_read_anew(tree: Tree) -> None:
    procfs = Procfs(str(tree.root))
    for pid in (42, 43):
        tree.add(pid, cmdline=b"old\0")
        procfs.process(ProcessKey(pid, 500))
        tree.add(pid, cmdline=b"new\0")
    procfs.forget({ProcessKey(43, 500)})
    found = [procfs.process(ProcessKey(pid, 500)) for pid in (42, 43)]
    assert [process and process.command for process in found] == ["new", "old"]


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


def test_a_process_that_goes_between_two_reads_is_none(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.add(42)
    stat = os.stat

    def gone(path: str) -> os.stat_result:
        if path.endswith("/42"):
            raise ProcessLookupError
        return stat(path)

    procfs = Procfs(str(tree.root))
    monkeypatch.setattr("epolltop.proc.procfs.os.stat", gone)
    assert procfs.process(ProcessKey(42, 500)) is None


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


def test_descriptors_that_may_not_be_counted_are_unknown(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: str) -> list[str]:
        raise PermissionError

    tree.add(42)
    monkeypatch.setattr("epolltop.proc.procfs.os.listdir", denied)
    process = Procfs(str(tree.root)).process(ProcessKey(42, 500))
    assert process is not None
    assert process.fds is None


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


def test_real_exec_changes_the_command() -> None:
    go, done = os.pipe()
    script = "import os, sys; os.read(int(sys.argv[1]), 1); os.execv('/bin/cat', ['renamed', '-'])"
    with subprocess.Popen([sys.executable, "-c", script, str(go)], stdin=-1, stdout=-1, pass_fds=[go]) as process:
        try:
            procfs = Procfs()
            who = key(process.pid)
            before = procfs.process(who)
            os.write(done, b".")
            assert process.stdin
            assert process.stdout
            process.stdin.write(b"echo\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"echo\n"
            after = procfs.process(who)
        finally:
            process.kill()
            os.close(go)
            os.close(done)
    assert before is not None
    assert after is not None
    assert before.key == after.key
    assert (after.name, after.command) == ("cat", "renamed -")


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
