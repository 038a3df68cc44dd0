"""Each kind of target, made for real in another program, is named right; in another network namespace, too."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from epolltop.model.holding import Descriptor
from epolltop.model.process import ProcessKey
from epolltop.model.socket import NamespaceSockets
from epolltop.model.watch import InterestList, TargetKind, Watch
from epolltop.proc.procfs import Procfs
from epolltop.sources.interest import InterestLists
from tests.kernel.namespaces import FOREIGN_PROC, missing
from tests.waiting import PATIENCE_S
from tests.workloads import served as workload_served
from tests.workloads import targets

ROOT = Path(__file__).parents[2]
WITHIN_S = 10.0


@contextlib.contextmanager
def running(which: str, directory: Path, *through: str) -> Iterator[dict[str, Any]]:
    """What the program said."""
    command = [*through, sys.executable, targets.__file__, which, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout
        assert program.stdin
        try:
            yield json.loads(program.stdout.readline())
        finally:
            program.stdin.close()


def look(pid: int, fd: int, **how: Any) -> InterestList:
    lists = InterestLists(Procfs(), **how)
    return lists.look({1: [Descriptor(ProcessKey(pid, 0), fd)]}, WITHIN_S)[1]


def by_number(interest: InterestList) -> dict[int, Watch]:
    found = {watch.fd: watch for watch in interest.watches}
    assert len(found) == len(interest.watches)
    return found


def assert_named(interest: InterestList, said: dict[str, Any]) -> None:
    found = by_number(interest)
    told = {int(fd): (kind, text) for fd, (kind, text) in said["told"].items()}
    assert found.keys() == told.keys()
    for fd, (kind, text) in told.items():
        assert found[fd].target.kind.word == kind, found[fd]
        if text != "*":
            assert found[fd].target.text == text, found[fd]
        assert found[fd].stale is False, found[fd]


@pytest.mark.parametrize("which", targets.MAKERS)
def test_each_target_has_its_name(which: str, tmp_path: Path) -> None:
    with running(which, tmp_path) as said:
        assert_named(look(said["pid"], said["instance"]), said)


@pytest.mark.parametrize("which", ["inet", "unix", "netlink"])
def test_sockets_of_another_network_namespace_are_named(which: str, tmp_path: Path) -> None:
    if why := missing("unshare", "--net"):
        pytest.skip(why)
    up = ("unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
    with running(which, tmp_path, *up) as said:
        assert_named(look(said["pid"], said["instance"]), said)


def test_details_are_told(tmp_path: Path) -> None:
    with running("inet", tmp_path) as said:
        watches = look(said["pid"], said["instance"]).watches
    tcp = [dict(watch.target.details) for watch in watches if watch.target.kind is TargetKind.TCP]
    assert [each for each in tcp if each.get("state") == "LISTEN" and (each["waiting"], each["backlog"]) == (0, 7)]
    assert [each for each in tcp if each.get("state") == "ESTABLISHED" and (each["unread"], each["unsent"]) == (3, 0)]


def test_paths_of_inotify_are_found(tmp_path: Path) -> None:
    with running("anonymous", tmp_path) as said:
        watches = look(said["pid"], said["instance"]).watches
    (inotify,) = (watch.target for watch in watches if watch.target.kind is TargetKind.INOTIFY)
    assert inotify.text == f"{tmp_path}/watched\\x0a, {tmp_path}"
    assert dict(inotify.details) == {"paths_watched": 2}


def test_an_ended_process_is_no_answer(tmp_path: Path) -> None:
    with running("pipes", tmp_path) as said:
        here = {1: [Descriptor(ProcessKey(said["pid"], 0), said["instance"])]}
        started = Procfs().start_ticks(said["pid"])
        assert started
        another = {1: [Descriptor(ProcessKey(said["pid"], started + 1), said["instance"])]}
        assert InterestLists(Procfs()).look(another, WITHIN_S) == {}
    assert InterestLists(Procfs()).look(here, WITHIN_S) == {}


def test_netlink_refused_proc_tells_the_addresses(tmp_path: Path) -> None:
    def refused(*_: object) -> NamespaceSockets:
        raise PermissionError

    with running("inet", tmp_path) as said:
        assert_named(look(said["pid"], said["instance"], load_netlink=lambda: refused), said)
    with running("unix", tmp_path) as said:
        watches = look(said["pid"], said["instance"], load_netlink=lambda: refused).watches
        assert {watch.target.kind for watch in watches} == {TargetKind.UNIX}
        assert all(watch.target.text.startswith("socket:[") for watch in watches), "a name may look like a line"


@pytest.mark.parametrize("which", ["inet", "unix", "pipes", "anonymous"])
def test_without_privileges_own_processes_are_named(which: str) -> None:
    """Another user looks, at a program of that user."""
    if os.getuid():
        pytest.skip("this user has none anyway")
    code = (
        "import sys; from pathlib import Path; from tests.sources import test_interest as t\n"
        "with t.running(sys.argv[1], Path(sys.argv[2])) as said: "
        "t.assert_named(t.look(said['pid'], said['instance']), said)"
    )
    with tempfile.TemporaryDirectory() as directory:  # of a worker's directories not all are open to others
        os.chmod(directory, 0o777)
        done = subprocess.run(
            [sys.executable, "-B", "-c", code, which, directory],
            user=65534,
            group=65534,
            extra_groups=[],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr


def test_pids_of_another_namespace_are_not_handed_to_the_kernel(tmp_path: Path) -> None:
    """In a container with the /proc of the host: a pid there is another process here, or none."""
    if why := missing(*FOREIGN_PROC):
        pytest.skip(why)
    code = (
        "import sys; from tests.sources import test_interest as t\n"
        "for watch in t.look(*map(int, sys.argv[1:])).watches: print(watch.fd, watch.target.kind.word, watch.stale)"
    )
    with running("pipes", tmp_path) as said:
        command = [*FOREIGN_PROC, sys.executable, "-c", code, str(said["pid"]), str(said["instance"])]
        printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.split() == [
        word for fd, (kind, _) in sorted(said["told"].items(), key=lambda it: int(it[0])) for word in (fd, kind, "None")
    ]


@pytest.mark.skipif(not shutil.which("lsfd"), reason="no lsfd(1) here")
@pytest.mark.parametrize("which", ["pipes", "devices", "long_path"])
def test_it_agrees_with_lsfd(which: str, tmp_path: Path) -> None:
    with running(which, tmp_path) as said:
        command = ["lsfd", "-J", "-p", str(said["pid"]), "-o", "FD,NAME"]
        printed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["lsfd"]
        watches = look(said["pid"], said["instance"]).watches
    names = {each["fd"]: each["name"] for each in printed}
    for watch in watches:
        assert watch.target.text.partition(" ")[0] == names[watch.fd].partition(" ")[0], watch


_ON_A_SERVER = """
import ctypes, json, os, select, sys
libc = ctypes.CDLL(None)
os.chdir(sys.argv[1])
inotify = libc.inotify_init1(0)
for path in (sys.argv[1], sys.argv[2]):
    libc.inotify_add_watch(inotify, path.encode(), 0x100)
instance = select.epoll()
told = {os.open("file", os.O_RDONLY): ("other", sys.argv[1] + "/file"), inotify: ("inotify", "*")}
directory = os.open(".", os.O_RDONLY)
for fd in told:
    instance.register(fd)
print(json.dumps({"pid": os.getpid(), "instance": instance.fileno(), "told": told}), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.getuid() != 0 or not Path("/dev/fuse").exists(), reason="no FUSE")
def test_no_server_of_files_is_waited_for(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    around = ["unshare", "--mount", sys.executable, str(Path(workload_served.__file__)), str(served), __file__]
    command = [*around, sys.executable, "-c", _ON_A_SERVER, str(served), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout
        said = json.loads(program.stdout.readline())
        server = int(Path(f"{served}.server").read_text(encoding="ascii"))
        os.kill(server, signal.SIGSTOP)
        with subprocess.Popen(["stat", "-L", f"/proc/{program.pid}/cwd"], stdout=subprocess.DEVNULL) as asking:
            began = time.monotonic()
            found = by_number(look(said["pid"], said["instance"]))
            assert time.monotonic() - began < PATIENCE_S
            assert asking.poll() is None, "who asks the server waits"
            os.kill(server, signal.SIGKILL)
        program.kill()
    names = {watch.target.kind: watch.target.text for watch in found.values()}
    assert names[TargetKind.FILE] == f"{served}/file"
    assert str(tmp_path) in names[TargetKind.INOTIFY].split(", ")
