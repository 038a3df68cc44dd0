"""Whose code creates instances: the user stacks of creations, named while their process runs."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from epolltop.bcc.loader import load_bcc
from epolltop.bcc.program import Program
from epolltop.model.event import Event, Kind
from epolltop.model.limits import NO_STACKS
from epolltop.own_process.pace import Deadline
from epolltop.query.creation_stacks import CreationStack, creation_stacks
from epolltop.sources.bpf.bpf_source import BpfSource
from epolltop.sources.bpf.ladder import ALL
from epolltop.sources.bpf.probes.spec import Hook
from epolltop.sources.bpf.sizes import Sizes
from tests.support.kernel_version import needs_cached_paths
from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .observing import Observing, observe

pytestmark = pytest.mark.kernel

CALLERS = Path(__file__).parent.parent / "workloads" / "callers.c"
SERVED = CALLERS.with_name("served.py")
NAMED = re.compile(r"(\S+)\+0x[0-9a-f]+ \((.+)\)")
ADDRESS = re.compile(r"\[(.+\+)?0x[0-9a-f]+\]")
needs_compiler = pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc")


@pytest.fixture(name="opened_with_stacks", scope="module")
def _opened_with_stacks() -> Iterator[Observing]:
    with observe(stacks=True) as observing:
        yield observing


@pytest.fixture(name="taking")
def _taking(opened_with_stacks: Observing) -> Observing:
    opened_with_stacks.refresh()  # what others did since the test before may have filled its buffer
    return opened_with_stacks


@pytest.fixture(name="callers", scope="module")
def _callers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("built") / "callers"
    _build(program)
    return program


def _build(program: Path, *options: str) -> None:
    command = ["gcc", "-O1", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", *options]
    subprocess.run([*command, "-o", program, CALLERS], check=True)


@contextlib.contextmanager
def _running(*command: str | Path) -> Iterator[int]:
    """A program that has done its work and waits; its pid."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip().isdigit()
            yield process.pid
        finally:
            process.kill()


def _creations(observing: Observing, pid: int, count: int = 1) -> list[Event]:
    def told() -> list[Event] | None:
        observing.refresh()
        events = observing.events(pid, Kind.CREATE, Kind.CREATE_FAILED)
        return events if len(events) >= count else None

    events = eventually(told)
    assert events is not None
    return events


def _functions(stack: tuple[str, ...]) -> list[tuple[str, str]]:
    """Function and module of the frames that have both."""
    return [(found[1], found[2]) for found in map(NAMED.fullmatch, stack) if found]


FROM_MAIN = [("inner", "callers"), ("middle", "callers"), ("outer", "callers"), ("main", "callers")]


@needs_compiler
def test_frames_stand_innermost_first(taking: Observing, callers: Path) -> None:
    with _running(callers, "called", "0", "2", "stay") as pid:
        first, second = _creations(taking, pid, 2)
        # The C library's wrapper sets up no frame, and yet its caller is there.
        assert _functions(first.stack)[:5] == [("epoll_create1", "libc.so.6"), *FROM_MAIN]
        assert all(NAMED.fullmatch(frame) or ADDRESS.fullmatch(frame) for frame in first.stack)
        assert second.stack is first.stack
        for _ in range(2):  # other censuses find the same
            instances = taking.instances(pid).values()
            assert len(instances) == 2
            assert all(instance.stack is first.stack for instance in instances)


@needs_compiler
def test_instances_that_live_are_counted_by_their_stacks(taking: Observing, callers: Path) -> None:
    with _running(callers, "called", "0", "31", "stay") as pid:
        event = _creations(taking, pid, 31)[0]
        taking.until(lambda _: len(taking.instances(pid)) == 31)
        assert creation_stacks(taking.row(pid)) == [CreationStack(31, event.stack)]


@needs_compiler
def test_the_files_of_a_stack_have_their_build_ids(taking: Observing, callers: Path) -> None:
    with _running(callers, "called", "0", "1", "stay") as pid:
        _creations(taking, pid)
        files = dict(taking.row(pid).facts.code_files)
    said = subprocess.run(["readelf", "-n", callers], check=True, capture_output=True, text=True).stdout
    assert f"Build ID: {files['callers']}\n" in said
    assert files.keys() == {"callers", "libc.so.6"}


@needs_compiler
def test_a_failed_creation_has_a_stack(taking: Observing, callers: Path) -> None:
    with _running(callers, "called", "77", "1", "stay") as pid:
        (failed,) = _creations(taking, pid)
        assert (failed.kind, failed.errno) == (Kind.CREATE_FAILED, errno.EINVAL)
        assert _functions(failed.stack)[1:5] == FROM_MAIN


@needs_compiler
def test_a_release_has_none(taking: Observing, callers: Path) -> None:
    with _running(callers, "called", "0", "1", "stay") as pid:
        _creations(taking, pid)
    taking.until(lambda _: bool(taking.events(pid, Kind.RELEASE)))
    assert {event.stack for event in taking.events(pid, Kind.RELEASE)} == {()}


@needs_compiler
def test_a_stack_ends_where_frame_pointers_lead_astray(taking: Observing, callers: Path) -> None:
    with _running(callers, "astray", "0", "1", "stay") as pid:
        (event,) = _creations(taking, pid)
        assert _functions(event.stack) == [("astray", "callers")]
        assert len(event.stack) == 1
    # Of a program that has ended, nobody but the probe can tell.
    with subprocess.Popen([callers, "astray", "0", "1", "end"], stdout=subprocess.DEVNULL) as process:
        process.wait()
    assert [len(event.stack) for event in _creations(taking, process.pid)] == [1]


@needs_compiler
def test_a_program_that_has_ended_leaves_addresses(taking: Observing, callers: Path) -> None:
    with subprocess.Popen([callers, "called", "0", "1", "end"], stdout=subprocess.DEVNULL) as process:
        process.wait()
    (event,) = _creations(taking, process.pid)
    assert len(event.stack) >= 4
    assert all(ADDRESS.fullmatch(frame) for frame in event.stack)


@needs_compiler
def test_of_a_program_that_has_ended_what_was_read_before_is_known(taking: Observing, callers: Path) -> None:
    command: list[str | Path] = [callers, "called", "0", "1", "again"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        _creations(taking, process.pid)
        process.communicate()
    _, last = _creations(taking, process.pid, 2)
    assert _functions(last.stack) == [("epoll_create1", "libc.so.6"), *FROM_MAIN[:3]]
    # Another call of main, which had not been looked up.
    assert re.fullmatch(r"\[callers\+0x[0-9a-f]+\]", last.stack[4])


@needs_compiler
def test_another_program_in_the_same_process_lends_no_names(taking: Observing, tmp_path: Path) -> None:
    # Linked to fixed addresses: those of the first program are in the code of the second one, too.
    for name in ("callers", "second"):
        _build(tmp_path / name, "-static", "-no-pie")
    command: list[str | Path] = [
        tmp_path / "callers",
        "called",
        "0",
        "1",
        tmp_path / "second",
        "called",
        "0",
        "1",
        "stay",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert [process.stdout.readline(), process.stdout.readline()] == [b"1\n", b"1\n"]
        before, after = _creations(taking, process.pid, 2)
        process.kill()
    assert ("outer", "second") in _functions(after.stack)
    assert len(before.stack) >= 2
    assert all(ADDRESS.fullmatch(frame) for frame in before.stack)
    assert "second" not in "".join(before.stack)


@needs_compiler
def test_the_file_that_runs_is_read_not_what_bears_its_name_by_now(taking: Observing, tmp_path: Path) -> None:
    program = tmp_path / "callers"
    _build(program)
    with _running(program, "called", "0", "1", "stay") as pid:
        program.unlink()
        os.mkfifo(program)  # opening it would last for ever
        (event,) = _creations(taking, pid)
        assert _functions(event.stack)[1:5] == FROM_MAIN


@needs_compiler
def test_files_of_another_mount_namespace_are_read(taking: Observing, callers: Path, tmp_path: Path) -> None:
    script = (
        f"mount -t tmpfs none {tmp_path} && cp {callers} {tmp_path}/hidden && exec {tmp_path}/hidden called 0 1 stay"
    )
    with _running("unshare", "--mount", "sh", "-c", script) as pid:
        assert not (tmp_path / "hidden").exists()
        (event,) = _creations(taking, pid)
        assert ("inner", "hidden") in _functions(event.stack)


@needs_compiler
def test_stripped_only_files_and_positions_are_known(taking: Observing, tmp_path: Path) -> None:
    _build(tmp_path / "callers", "-s")
    with _running(tmp_path / "callers", "called", "0", "1", "stay") as pid:
        (event,) = _creations(taking, pid)
        assert [frame.partition("+")[0] for frame in event.stack[1:5]] == ["[callers"] * 4


@contextlib.contextmanager
def _map_of(pid: int, content: bytes, directory: str = "/tmp") -> Iterator[None]:
    path = Path(directory) / f"perf-{pid}.map"
    path.write_bytes(content)
    path.chmod(0o644)
    try:
        yield
    finally:
        path.unlink()


MADE_AT = 0x10000010
ADDRESS_OF_MADE = re.compile(r"\[0x100000[0-9a-f]{2}\]")


@needs_compiler
@needs_cached_paths
def test_code_that_a_program_made_has_the_names_of_its_perf_map(taking: Observing, callers: Path) -> None:
    lines = b"%x %x former name\n%x 40 evil\x1b[31m\n" % (MADE_AT - 16, 32, MADE_AT)
    with _running(callers, "made", "0", "1", "stay") as pid, _map_of(pid, lines):
        (event,) = _creations(taking, pid)
    names = [frame.partition("+")[::2] for frame in event.stack]
    made = next(at for at, (name, _) in enumerate(names) if name.startswith("evil"))
    assert re.fullmatch(r"evil\\x1b\[31m\+0x[0-9a-f]+ \(perf map\)", event.stack[made])
    assert [names[made - 1][0], names[made + 1][0]] == ["outer", "made"]


@needs_compiler
@pytest.mark.parametrize("content", [b"", b"garbage\n", b"10000000 40 no line break"])
def test_code_that_no_perf_map_names_shows_its_address(taking: Observing, callers: Path, content: bytes) -> None:
    with _running(callers, "made", "0", "1", "stay") as pid, _map_of(pid, content):
        (event,) = _creations(taking, pid)
    assert [frame for frame in event.stack if ADDRESS_OF_MADE.fullmatch(frame)]


@needs_compiler
@needs_cached_paths
def test_a_perf_map_is_looked_for_where_the_process_sees_it(taking: Observing, callers: Path) -> None:
    script = (
        f"mount -t tmpfs none /mnt && cp {callers} /mnt/callers && mount --move /mnt /tmp &&"
        f" umask 022 && echo {MADE_AT:x} 40 inside > /tmp/perf-1.map && exec /tmp/callers made 0 1 stay"
    )
    with _running("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script) as outer:
        pid = int(Path(f"/proc/{outer}/task/{outer}/children").read_text(encoding="ascii"))
        (event,) = _creations(taking, pid)
    assert ("inside", "perf map") in _functions(event.stack)


@needs_compiler
@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="no FUSE")
def test_a_perf_map_on_a_server_is_not_waited_for(taking: Observing) -> None:
    with tempfile.TemporaryDirectory(dir="/run") as outside:
        program = Path(outside) / "callers"
        _build(program)
        served: list[str | Path] = ["unshare", "--mount", sys.executable, SERVED, "/tmp", program, program]
        with _running(*served, "made", "0", "1", "stay") as pid:
            said = Path("/tmp.server")
            server = int(eventually(lambda: said.exists() and said.read_text(encoding="ascii")) or 0)
            said.unlink()
            os.kill(server, signal.SIGSTOP)
            (event,) = _creations(taking, pid)
            os.kill(server, signal.SIGKILL)
    assert [frame for frame in event.stack if ADDRESS_OF_MADE.fullmatch(frame)]


@needs_compiler
def test_a_file_name_is_made_safe(taking: Observing, callers: Path, tmp_path: Path) -> None:
    program = tmp_path / "evil\x1b[31m"
    shutil.copy(callers, program)
    with _running(program, "called", "0", "1", "stay") as pid:
        (event,) = _creations(taking, pid)
        assert ("outer", r"evil\x1b[31m") in _functions(event.stack)


@needs_compiler
@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="no FUSE")
def test_no_server_of_files_is_waited_for(taking: Observing, callers: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    program: list[str | Path] = ["unshare", "--mount", sys.executable, SERVED, served, callers, served / "callers"]
    with _running(*program, "called", "0", "2", "stay") as pid:
        server = int(Path(f"{served}.server").read_text(encoding="ascii"))
        os.kill(server, signal.SIGSTOP)
        with subprocess.Popen(["stat", "-L", f"/proc/{pid}/exe"], stdout=subprocess.DEVNULL) as asking:
            began = time.monotonic()
            event, _ = _creations(taking, pid, 2)
            assert time.monotonic() - began < PATIENCE_S
            assert asking.poll() is None, "who asks the server waits"
            os.kill(server, signal.SIGKILL)
    (first, second, *_) = event.stack
    assert NAMED.fullmatch(first), "the C library is on a disk"
    assert re.fullmatch(r"\[callers\+0x[0-9a-f]+\]", second)


def test_of_an_interpreter_its_machine_code_shows(taking: Observing) -> None:
    with Actor() as actor:
        actor.create()
        (event,) = _creations(taking, actor.pid)
        assert _functions(event.stack)[0] == ("epoll_create1", "libc.so.6")


def test_when_time_is_over_addresses_are_left(monkeypatch: pytest.MonkeyPatch, taking: Observing) -> None:
    monkeypatch.setattr(Deadline, "is_over", True)
    with Actor() as actor:
        actor.create()
        (event,) = _creations(taking, actor.pid)
        assert event.stack
        assert all(ADDRESS.fullmatch(frame) for frame in event.stack)
        monkeypatch.undo()
        # What was not looked up is not remembered as unknown.
        actor.create()
        assert NAMED.fullmatch(_creations(taking, actor.pid, 2)[1].stack[0])


def test_a_storm_with_stacks_is_counted_exactly() -> None:
    with observe(stacks=True, sizes=Sizes(detail_per_s=2_000)) as observing, Actor() as actor:
        actor.do("pairs", count=50_021)
        row = observing.row(actor.pid)
        assert row.created == 50_021
        observing.released_all({actor.pid: 50_021})
        assert row.sampled_out > 0
        events = observing.events(actor.pid, Kind.CREATE)
        assert len(events) + row.sampled_out + observing.batch.source.lost >= 50_021
        assert len({id(event.stack) for event in events}) == len({event.stack for event in events})
        assert all(event.stack for event in events)


def test_without_stacks_none_is_taken(observing: Observing) -> None:
    with Actor() as actor:
        # Others' storms, since it was last asked, may have filled its buffer.
        eventually(lambda: observing.hears(actor))
        actor.create()
        actor.do("create1", flags=0)
        observing.until(lambda _: len(observing.instances(actor.pid)) == 2)
        assert {event.stack for event in observing.events(actor.pid, Kind.CREATE)} == {()}
        assert {instance.stack for instance in observing.instances(actor.pid).values()} == {()}


@pytest.mark.parametrize("hook", ALL.probes["epoll_create"]["kretprobe"], ids=lambda hook: hook.target)
def test_function_probes_with_stacks_pass_the_verifier(hook: Hook) -> None:
    """They cannot be attached everywhere, but loaded."""
    bcc = load_bcc()
    program = Program(bcc, BpfSource(stacks=True)._defines(), ALL.units)
    try:
        assert program._object.load_func(hook.program.encode(), bcc.BPF.KPROBE).fd > 0
    finally:
        program.close()


def test_where_stacks_cannot_be_taken_all_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    defines = BpfSource._defines

    def refused(self: BpfSource) -> dict[str, int]:
        given = defines(self)
        if "STACKS" in given:
            del given["MM_START_STACK"]  # does not compile
        return given

    monkeypatch.setattr(BpfSource, "_defines", refused)
    with observe(stacks=True) as observing, Actor() as actor:
        actor.create()
        (event,) = _creations(observing, actor.pid)
        assert event.stack == ()
        (said,) = [limit.text("said") for limit in observing.batch.source.limits if limit.id == NO_STACKS]
        assert "MM_START_STACK" in said
