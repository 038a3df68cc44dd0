"""What is written is whole or told, wherever a write fails; data is the same bytes in any locale."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest

from .program import COMMAND, environment

LOCALES = [{"PYTHONIOENCODING": "utf-8"}, {"PYTHONIOENCODING": "iso8859-1"}, {"PYTHONIOENCODING": "ascii"}]


@pytest.fixture(name="recording", scope="module")
def _recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("recorded") / "a.rec")
    told = [*COMMAND, "--source", "proc", "--include-self", "record", path, "-d", "1"]
    subprocess.run(told, check=True, capture_output=True, timeout=60)
    return path


def replayed(recording: str, *arguments: str, **variables: str) -> bytes:
    command = [*COMMAND, "replay", recording, *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment(**variables)).stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
def test_wherever_a_write_fails_it_is_told(recording: str, part: float, unbuffered: str, tmp_path: Path) -> None:
    whole = replayed(recording, "snapshot")
    limit = int(len(whole) * part)
    command = [*COMMAND, "replay", recording, "snapshot"]
    with (tmp_path / "out").open("wb") as file:
        ended = subprocess.run(
            command,
            stdout=file,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
            env=environment(PYTHONUNBUFFERED=unbuffered),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
    assert (ended.returncode, ended.stderr) == (1, b"epolltop: stdout: File too large\n")
    assert (tmp_path / "out").read_bytes() == whole[:limit]


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("-s", "help"), ("--source", "proc", "doctor")])
def test_what_is_asked_for_and_has_no_room_is_told(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60, env=environment()
        )
    assert (ended.returncode, ended.stderr) == (1, b"epolltop: stdout: No space left on device\n")


@pytest.mark.parametrize("format", ["json", "csv", "md"])
def test_data_is_the_same_in_any_locale_and_in_files(recording: str, format: str, tmp_path: Path) -> None:
    path = tmp_path / "out"
    replayed(recording, "snapshot", "--format", format, "-o", str(path), PYTHONIOENCODING="ascii")
    outputs = {replayed(recording, "snapshot", "--format", format, **locale) for locale in LOCALES}
    assert outputs == {path.read_bytes()}


def test_text_is_in_ascii_where_signs_are_lacking(recording: str) -> None:
    plain = replayed(recording, "snapshot", "--format", "txt", "--ascii")
    outputs = [replayed(recording, "snapshot", "--format", "txt", **locale) for locale in LOCALES]
    assert outputs[1:] == [plain, plain]
    assert not outputs[0].isascii()
