from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from epolltop.model.process import ProcessKey
from epolltop.proc.procfs import Procfs
from tests.proc.proc_tree import Tree, key
from tests.waiting import eventually


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


def test_descriptors_that_may_not_be_counted_are_unknown(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: str) -> list[str]:
        raise PermissionError

    tree.add(42)
    monkeypatch.setattr("epolltop.proc.procfs.os.listdir", denied)
    process = Procfs(str(tree.root)).process(ProcessKey(42, 500))
    assert process is not None
    assert process.fds is None


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


def test_an_image_is_inherited_until_exec() -> None:
    script = """
import os
for command in ([], ["sleep", "60"]):
    pid = os.fork()
    if not pid:
        if command:
            os.execvp(command[0], command)
        os.read(0, 1)
        os._exit(0)
    print(pid, flush=True)
os.read(0, 1)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1) as process:
        try:
            assert process.stdout
            forked, executed = (int(process.stdout.readline()) for _ in range(2))
            eventually(lambda: Path(f"/proc/{executed}/comm").read_text() == "sleep\n")
            procfs, another = Procfs(), Procfs()
            found = [each and each.image for each in map(procfs.process, map(key, (process.pid, forked, executed)))]
            elsewhere = another.process(key(forked))
        finally:
            process.communicate()
            os.kill(executed, signal.SIGKILL)
    assert None not in found
    assert found[0] == found[1] != found[2]
    assert elsewhere is not None
    assert elsewhere.image != found[1]
