"""The files with code that a process has mapped, and the file that it executes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from epolltop.own_process.pace import Deadline
from epolltop.proc import maps
from epolltop.proc.exe import executable_path, open_executable
from epolltop.proc.maps import MappedFile, mapped_files
from tests.waiting import eventually

SLEEP = shutil.which("sleep") or "/bin/sleep"


def _listed(root: Path, *lines: str) -> str:
    (root / "42").mkdir()
    (root / "42" / "maps").write_text("".join(f"{line}\n" for line in lines))
    return str(root)


def test_only_files_with_code_are_listed(tmp_path: Path) -> None:
    root = _listed(
        tmp_path,
        "1000-2000 r-xp 00000000 08:01 7                          /usr/bin/a program",
        "2000-3000 r--p 00001000 08:01 7                          /usr/bin/data",
        "3000-4000 r-xp 00000000 00:2a 9                          /opt/lib.so (deleted)",
        "4000-5000 r-xp 00000000 00:00 0                          [vdso]",
        "5000-6000 rwxp 00000000 00:00 0 ",
    )
    assert mapped_files(root, 42, Deadline(10)) == {
        MappedFile(b"/usr/bin/a program", (8, 1)),
        MappedFile(b"/opt/lib.so", (0, 0x2A)),
    }


def test_of_a_very_long_list_the_beginning_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "FILES_BYTES_MAX", 1 << 17)
    root = _listed(tmp_path, *(f"{at:x}000-{at:x}fff r-xp 0 08:01 7 /lib/{at}.so" for at in range(1, 10_000)))
    found = mapped_files(root, 42, Deadline(10))
    assert MappedFile(b"/lib/1.so", (8, 1)) in found
    assert len(found) < 9_000


def test_what_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        mapped_files(str(tmp_path), 42, Deadline(10))
    with pytest.raises(FileNotFoundError):
        executable_path(str(tmp_path), 42)


@pytest.mark.skipif(os.geteuid() != 0, reason="the list of mounts of others takes root")
def test_the_file_of_a_program_is_read_although_it_was_replaced(tmp_path: Path) -> None:
    program = tmp_path / "a program"
    shutil.copy(Path(SLEEP).resolve(), program)
    content = program.read_bytes()
    child = subprocess.Popen([program, "60"])
    try:
        path = os.fsencode(program)

        def known_by_its_code() -> MappedFile | None:
            return next((each for each in mapped_files("/proc", child.pid, Deadline(10)) if each.path == path), None)

        known = eventually(known_by_its_code)
        assert known
        assert executable_path("/proc", child.pid) == path
        program.unlink()
        program.write_text("another")
        file = open_executable("/proc", child.pid, known, Deadline(10))
        try:
            assert os.pread(file, len(content) + 1, 0) == content
        finally:
            os.close(file)
        with pytest.raises(FileNotFoundError):
            open_executable("/proc", child.pid, known._replace(device=(0, 0)), Deadline(10))
    finally:
        child.kill()
        child.wait()
