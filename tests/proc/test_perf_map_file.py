"""Which file counts as the perf map of a process, in a directory where everybody may put one."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from epolltop.own_process.pace import Deadline
from epolltop.proc.mountinfo import MountLists
from epolltop.proc.perf_map_file import open_perf_map
from tests.support.kernel_version import needs_cached_paths

pytestmark = needs_cached_paths
OURS = Path(f"/tmp/perf-{os.getpid()}.map")
STRANGER = 54_321
MAP = b"10 20 a name\n"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Iterator[Path]:
    """Where our map is looked for."""
    OURS.unlink(missing_ok=True)
    before = os.umask(0o022)
    yield OURS
    os.umask(before)
    OURS.rmdir() if OURS.is_dir() and not OURS.is_symlink() else OURS.unlink(missing_ok=True)


def opened(pid: int = os.getpid(), still_theirs: bool = True) -> bytes:
    deadline = Deadline(60)
    mounts = MountLists().mounts_of(pid, deadline)
    with open(open_perf_map(pid, mounts, deadline, lambda: still_theirs), "rb") as file:
        return file.read()


def test_a_plain_file_of_its_user_is_read(place: Path) -> None:
    place.write_bytes(MAP)
    assert opened() == MAP


@needs_root
def test_a_private_file_of_root_is_read_for_any_process() -> None:
    with subprocess.Popen(["sleep", "1000"], user=STRANGER) as other:
        place = Path(f"/tmp/perf-{other.pid}.map")
        try:
            place.write_bytes(MAP)
            place.chmod(0o600)
            assert opened(other.pid) == MAP
            os.chown(place, STRANGER + 1, -1)
            with pytest.raises(PermissionError):
                opened(other.pid)
        finally:
            place.unlink(missing_ok=True)
            other.kill()


def _link(place: Path, elsewhere: Path) -> None:
    place.symlink_to(elsewhere)


def _second_name(place: Path, elsewhere: Path) -> None:
    elsewhere = place.with_name(f"epolltop-{os.getpid()}")
    elsewhere.write_bytes(MAP)
    place.hardlink_to(elsewhere)


def _for_all_to_write(place: Path, elsewhere: Path) -> None:
    place.write_bytes(MAP)
    place.chmod(0o646)


def _for_its_group_to_write(place: Path, elsewhere: Path) -> None:
    place.write_bytes(MAP)
    place.chmod(0o664)


def _of_a_stranger(place: Path, elsewhere: Path) -> None:
    place.write_bytes(MAP)
    os.chown(place, STRANGER, -1)


def _fifo(place: Path, elsewhere: Path) -> None:
    os.mkfifo(place)  # to open it is to wait for who writes


def _directory(place: Path, elsewhere: Path) -> None:
    place.mkdir()


def _device(place: Path, elsewhere: Path) -> None:
    os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero


@pytest.mark.parametrize("make", [_link, _second_name, _for_all_to_write, _for_its_group_to_write, _fifo, _directory])
def test_what_may_be_a_trap_is_not_read(make: Callable[[Path, Path], None], place: Path, tmp_path: Path) -> None:
    (tmp_path / "map").write_bytes(MAP)
    try:
        make(place, tmp_path / "map")
        with pytest.raises(OSError, match=r"perf map|symbolic"):
            opened()
    finally:
        place.with_name(f"epolltop-{os.getpid()}").unlink(missing_ok=True)


@needs_root
@pytest.mark.parametrize("make", [_of_a_stranger, _device])
def test_what_only_root_can_set_up_is_not_read(make: Callable[[Path, Path], None], place: Path, tmp_path: Path) -> None:
    make(place, tmp_path)
    with pytest.raises(PermissionError, match="perf map"):
        opened()


def test_nothing_is_there_or_the_program_is_over(place: Path) -> None:
    with pytest.raises(FileNotFoundError):
        opened()
    place.write_bytes(MAP)
    with pytest.raises(FileNotFoundError):
        opened(still_theirs=False)


def test_nobody_waits_for_who_has_a_lease_on_it(place: Path) -> None:
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    place.write_bytes(MAP)
    try:
        with place.open("r+b") as leased:
            fcntl.fcntl(leased, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            with pytest.raises(BlockingIOError):
                opened()
    finally:
        signal.signal(signal.SIGIO, before)
