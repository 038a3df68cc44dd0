from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from epolltop.output.files import Successor, require_room, write_whole

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

WRITE = """
import pathlib, sys
from epolltop.output.files import write_whole
write_whole(pathlib.Path(sys.argv[1]), 'x' * 200_000)
"""


@pytest.fixture(autouse=True)
def nobody_called_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.delenv("SUDO_GID", raising=False)


@pytest.fixture(autouse=True, params=["nameless", "named"])
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "named":  # as where the file system, or /proc, does not allow the other way
        monkeypatch.setattr("epolltop.output.files.can_be_named", lambda: False)


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_whole(tmp_path / "file", "ä\n")
    finally:
        os.umask(before)
    assert (tmp_path / "file").read_bytes() == b"\xc3\xa4\n"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_is_replaced_not_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    with path.open() as reader:
        write_whole(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_another_link_to_the_file_keeps_the_old_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    os.link(tmp_path / "file", tmp_path / "other")
    write_whole(tmp_path / "file", "new")
    assert (tmp_path / "other").read_text() == "old"


@pytest.mark.parametrize("target", ["precious", "missing"])
def test_a_symbolic_link_is_not_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "precious").write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / target)
    with pytest.raises(OSError, match="exists and is not an ordinary file") as caught:
        write_whole(link, "new")
    assert caught.value.filename == str(link)
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link", "precious"]
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="exists and is not an ordinary file"):
        write_whole(tmp_path / "pipe", "new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_directory_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="exists and is not an ordinary file"):
        write_whole(tmp_path, "new")


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "file"
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(path, "new")
    assert caught.value.filename == str(path)
    assert caught.value.strerror == "No such file or directory"


def test_a_file_too_large_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n{WRITE}"
    ended = subprocess.run([sys.executable, "-c", limited, path], capture_output=True, text=True, check=False)
    assert f"File too large: '{path}'" in ended.stderr
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_who_is_killed_while_writing_leaves_nothing(tmp_path: Path) -> None:
    script = "import os, pathlib, signal\nfrom epolltop.output.files import *\n"
    script += "def parts():\n    yield 'x' * 200_000\n    os.kill(os.getpid(), signal.SIGKILL)\n    yield ''\n"
    for write in ("write_whole", "write_new"):
        ended = subprocess.run(
            [sys.executable, "-c", f"{script}{write}(pathlib.Path('file'), parts())"], check=False, cwd=tmp_path
        )
        assert ended.returncode == -signal.SIGKILL
        assert os.listdir(tmp_path) == []


def test_what_is_no_more_beside_it_is_an_error_about_the_file(tmp_path: Path) -> None:
    def parts() -> Iterator[str]:
        yield "new"
        shutil.rmtree(tmp_path / "inside")

    (tmp_path / "inside").mkdir()
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(tmp_path / "inside" / "file", parts())
    assert caught.value.filename == str(tmp_path / "inside" / "file")


@as_root
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=64k tmpfs "$1" && cd "$1" && echo old >file && "$2" -c "$3" file; cat file; ls -A'
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", tmp_path, sys.executable, WRITE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No space left on device: 'file'" in ended.stderr
    assert ended.stdout == "old\nfile\n"


def test_a_successor_leaves_the_old_file_until_it_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    successor = Successor(path)
    with successor.file as file:
        file.write(b"new")
        assert path.read_text() == "old"
        successor.succeed()
        assert path.read_text() == "new"
        successor.resign()
    assert os.listdir(tmp_path) == ["file"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_successor_that_resigns_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    successor = Successor(tmp_path / "file")
    successor.file.close()
    successor.resign()
    successor.succeed()
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_successor_that_may_not_take_the_place_leaves_nothing(tmp_path: Path) -> None:
    successor = Successor(tmp_path / "file")
    (tmp_path / "file").mkdir()
    with successor.file, pytest.raises(IsADirectoryError) as caught:
        successor.succeed()
    assert caught.value.filename == str(tmp_path / "file")
    assert os.listdir(tmp_path) == ["file"]


def test_asking_for_room_leaves_nothing(tmp_path: Path) -> None:
    require_room(tmp_path / ("x" * 255))
    assert os.listdir(tmp_path) == []
    with pytest.raises(OSError, match="exists and is not an ordinary file"):
        require_room(tmp_path)


def test_the_longest_name_is_not_too_long(tmp_path: Path) -> None:
    write_whole(tmp_path / ("x" * 255), "new")
    assert os.listdir(tmp_path) == ["x" * 255]
