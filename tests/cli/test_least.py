"""What a running epolltop may still do, by the kernel's own account of each of its threads."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from epolltop.bcc.kept_capabilities import listening, polling
from epolltop.own_process.privileges import Capability
from epolltop.proc.reading import LOOKING
from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .observation import observed, row_of
from .program import COMMAND, ROOT, environment, run, started

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give it up")

NOTHING: frozenset[int] = frozenset()
FILES: frozenset[int] = frozenset((Capability.DAC_OVERRIDE,))
ALICE, STAFF = 61001, 61003
BY_ALICE = {"SUDO_UID": str(ALICE), "SUDO_GID": str(STAFF)}


class Rights(NamedTuple):
    """Of one thread."""

    capabilities: frozenset[int]
    uid: int
    """With which it opens files."""
    gid: int


def rights(pid: int) -> list[Rights]:
    """Of each thread; none of them may gain any."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = dict(re.findall(r"^(\w+):\t(.*)$", (task / "status").read_text(), re.MULTILINE))
        assert status["NoNewPrivs"] == "1", status
        # Who is not root any more cannot change it, and with no_new_privs it gives nothing.
        bounding = ["CapBnd"] * status["Uid"].startswith("0")
        for held in ("CapInh", "CapAmb", *bounding):
            assert int(status[held], 16) == 0, (held, status)
        assert status["CapEff"] == status["CapPrm"]
        bits = int(status["CapPrm"], 16)
        capabilities = frozenset(number for number in range(64) if bits >> number & 1)
        found.append(Rights(capabilities, int(status["Uid"].split()[3]), int(status["Gid"].split()[3])))
    return found


def settled(pid: int, wanted: set[frozenset[int]]) -> list[Rights]:
    """As soon as all threads have what they should; the one that leaves has nothing."""

    def same() -> list[Rights]:
        now = rights(pid)
        assert {each.capabilities for each in now} == wanted | {NOTHING}
        return now

    return eventually(same, PATIENCE_S)


@contextlib.contextmanager
def on_terminal(*arguments: str, **changes: str) -> Iterator[int]:
    """The pid of the program, which has a terminal that somebody reads."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir("/")
        os.execvpe(COMMAND[0], [*COMMAND, *arguments], environment(TERM="xterm-256color", **changes))

    def read() -> None:
        with contextlib.suppress(OSError):
            while os.read(terminal, 65536):
                pass

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        reader.join(10)
        os.close(terminal)


FRONT_ENDS = {
    "batch": ("-b", "-d", "0.5"),
    "events": ("events",),
    "snapshot": ("snapshot", "-d", "60"),
    "record": ("record", "FILE"),
}


@contextlib.contextmanager
def running(front_end: str, *before: str, path: Path, **changes: str) -> Iterator[int]:
    if front_end == "screen":
        with on_terminal(*before, **changes) as pid:
            yield pid
        return
    arguments = [str(path) if argument == "FILE" else argument for argument in FRONT_ENDS[front_end]]
    quiet = subprocess.DEVNULL
    with started(*before, *arguments, stdout=quiet, stderr=quiet, env=environment(**changes)) as program:
        yield program.pid


@pytest.mark.kernel
@pytest.mark.parametrize("front_end", [*FRONT_ENDS, "screen"])
def test_each_thread_keeps_what_its_work_needs(front_end: str, tmp_path: Path) -> None:
    wanted: set[frozenset[int]] = {FILES, polling(stacks=False), listening()}
    with running(front_end, "--source", "bpf", path=tmp_path / "file") as pid:
        assert {each.uid for each in settled(pid, wanted)} == {0}


@pytest.mark.kernel
@pytest.mark.parametrize("front_end", ["batch", "screen"])
def test_for_who_called_sudo_the_front_end_has_no_more_than_they(front_end: str, tmp_path: Path) -> None:
    wanted: set[frozenset[int]] = {NOTHING, polling(stacks=True), listening()}
    with running(front_end, "--source", "bpf", "--stacks", path=tmp_path, **BY_ALICE) as pid:
        threads = settled(pid, wanted)
    assert {(thread.uid, thread.gid) for thread in threads if thread.capabilities} == {(0, 0)}
    assert (ALICE, STAFF) in {(thread.uid, thread.gid) for thread in threads if not thread.capabilities}


@pytest.mark.parametrize("front_end", [*FRONT_ENDS, "screen"])
def test_without_probes_nothing_is_kept_for_them(front_end: str, tmp_path: Path) -> None:
    with running(front_end, "--source", "proc", path=tmp_path / "file") as pid:
        settled(pid, {FILES, frozenset(LOOKING)})


@pytest.fixture(name="recording", scope="module")
def _recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "file"
    assert run("--source", "proc", "record", str(path), "-d", "1").returncode == 0
    return path


@pytest.mark.parametrize("changes", [{}, BY_ALICE], ids=["root", "by sudo"])
def test_who_replays_keeps_nothing_and_is_who_called_sudo(recording: Path, changes: dict[str, str]) -> None:
    """The file is root's alone, in a directory of root's: it is opened before."""
    with on_terminal("replay", str(recording), **changes) as pid:
        threads = settled(pid, {NOTHING})
        status = Path(f"/proc/{pid}/status").read_text()
    uid, gid = (ALICE, STAFF) if changes else (0, 0)
    assert {(thread.uid, thread.gid) for thread in threads} == {(uid, gid)}
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n" in status
    assert f"Gid:\t{gid}\t{gid}\t{gid}\t{gid}\n" in status
    assert not changes or f"Groups:\t{gid} \n" in status


@pytest.mark.parametrize("how", ["file", "stdin", "batch"])
@pytest.mark.parametrize("changes", [{}, BY_ALICE], ids=["root", "by sudo"])
def test_what_is_replayed_can_be_written_by_who_may(recording: Path, how: str, changes: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as directory, recording.open("rb") as opened:
        os.chown(directory, ALICE if changes else 0, 0)
        target = Path(directory) / "out.json"
        name = "-" if how == "stdin" else str(recording)
        arguments = ("-b",) if how == "batch" else ("snapshot", "-o", str(target))
        ended = run("replay", name, *arguments, stdin=opened, env=environment(**changes))
        assert (ended.returncode, ended.stderr) == (0, "")
        assert how == "batch" or target.stat().st_uid == (ALICE if changes else 0)


@pytest.mark.kernel
def test_what_is_left_suffices_for_strangers_processes() -> None:
    """Counts, census, kcmp, interest lists, descriptors, and stacks of a program that is somebody else's."""
    somebody = ("setpriv", f"--reuid={ALICE}", f"--regid={STAFF}", "--clear-groups")
    with Actor(through=somebody) as actor:
        old = actor.create()

        def act() -> None:
            actor.do("dup", fd=old)
            actor.create()

        document = observed(act, "--stacks", through=["env", "SUDO_UID=65534", "SUDO_GID=65534"])
        row = row_of(document, actor.pid)
        assert (row["created"], row["open"], row["uid"]) == (1, 2, ALICE)
        assert row["fds"] == len(os.listdir(f"/proc/{actor.pid}/fd"))
        assert {one["provenance"]: one["watches"] for one in row["instances"]} == {"found": 0, "traced": 0}
        (stack,) = (one["stack"] for one in row["instances"] if one["provenance"] == "traced")
        assert any("epoll_create1" in frame or "(libc" in frame for frame in stack), stack


def test_doctor_says_what_is_kept() -> None:
    ended = run("--source", "proc", "doctor", env=environment(**BY_ALICE))
    assert re.search(r"^  keeps +CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE$", ended.stdout, re.MULTILINE), ended.stdout
    assert f"made with the rights of user {ALICE} (SUDO_UID)" in ended.stdout


def test_a_program_that_only_root_may_read_is_read_all_the_same(recording: Path, tmp_path: Path) -> None:
    """Lazily imported modules, the screen's style sheet and pages are the program's, wherever it is installed."""
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    script = 'mount --bind "$0" "$1" && export PYTHONPATH="$1" && shift && exec "$@"'
    command = [*COMMAND, "replay", str(recording), "-b"]
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, str(ROOT), str(hidden), *command],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=environment(**BY_ALICE),
        timeout=PATIENCE_S,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
