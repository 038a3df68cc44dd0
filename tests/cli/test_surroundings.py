"""Nothing of where and amid what epolltop is started reaches the compiler or the interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from epolltop.own_process.descriptors import settle
from tests.cli.program import COMMAND, ROOT, environment

INSTALLED = (str(Path(sys.executable).parent / "epolltop"),)
TABLE = ("--source", "bpf", "-b", "-n", "1", "-d", "0.2")
SHOWN = ("--source", "proc", "-b", "-n", "1", "-d", "0.2")
HEADERS = tuple(
    str(path.relative_to(include))
    for include in (ROOT / "bpf/stub-headers/include", ROOT / "bpf")
    for path in sorted(include.rglob("*.h"))
)
MODULES = (
    "sitecustomize",
    "usercustomize",
    "encodings",
    "json",
    "asyncio",
    "bcc",
    "textual",
    "msgspec",
    "humanize",
    "rich",
)


def run(command: tuple[str, ...], at: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=at, env=environment(**changes), capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A directory of headers that stop any compiler."""
    for name in ("linux/types.h", "linux/bpf.h", "bcc/helpers.h", "asm/ptrace.h", *HEADERS):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#error theirs\n")
    return tmp_path


@pytest.mark.kernel
def test_no_header_of_the_working_directory_is_compiled(theirs: Path) -> None:
    done = run((*INSTALLED, *TABLE), theirs)

    assert done.returncode == 0, done.stderr
    assert "source bpf" in done.stdout


@pytest.mark.kernel
def test_no_variable_decides_what_is_compiled(theirs: Path) -> None:
    named = ("CPATH", "C_INCLUDE_PATH", "BCC_KERNEL_SOURCE", "TMPDIR", "HOME", "XDG_CONFIG_HOME")
    done = run(
        (*INSTALLED, *TABLE),
        Path("/"),
        **dict.fromkeys(named, str(theirs)),
        ARCH="arm64",
        BCC_LINUX_VERSION_CODE="1",
        BCC_KERNEL_MODULES_SUFFIX="theirs",
        CCC_OVERRIDE_OPTIONS="+-DFILE_F_OP=1",
    )

    assert done.returncode == 0, done.stderr
    assert "source bpf" in done.stdout


@pytest.mark.kernel
def test_a_working_directory_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = run(("sh", "-c", 'rmdir "$0" && exec "$@"', str(gone), *INSTALLED, *TABLE), gone)

    assert done.returncode == 0, done.stderr
    assert "source bpf" in done.stdout


@pytest.mark.kernel
def test_no_program_that_path_finds_first_is_started(tmp_path: Path) -> None:
    for name in ("mount", "readlink", "python3", "uname", "ausyscall", "clang"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$0" >> {tmp_path}/started\n')
        (tmp_path / name).chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to(INSTALLED[0])
    # Without tracefs, so that it is to be mounted.
    script = 'mount -t tmpfs none /sys/kernel/tracing; export PATH="$0:$PATH"; exec "$@"'
    done = run(("unshare", "--mount", "sh", "-c", script, str(tmp_path), str(link), *TABLE), tmp_path)

    assert done.returncode == 0, done.stderr
    assert "source bpf" in done.stdout
    assert not (tmp_path / "started").exists()


def imported(at: Path, command: tuple[str, ...]) -> list[str]:
    """Names of the modules in the working directory that are imported."""
    for name in MODULES:
        made = at / name
        made.mkdir()
        (made / "__init__.py").write_text(f"open({str(at / 'imported')!r}, 'a').write({name + chr(10)!r})\n")
    done = run((*command, *SHOWN), at, PYTHONPATH=f":{at}", PYTHONSTARTUP=str(at / "json/__init__.py"), HOME=str(at))
    noted = at / "imported"
    assert done.returncode == 0, (done.stderr, noted.exists() and noted.read_text())
    return noted.read_text().split() if noted.exists() else []


def test_no_module_of_the_working_directory_is_imported(tmp_path: Path) -> None:
    assert imported(tmp_path, INSTALLED) == []


def test_nor_if_the_interpreter_is_named(tmp_path: Path) -> None:
    for name in MODULES:
        made = tmp_path / name
        made.mkdir()
        (made / "__init__.py").write_text("raise SystemExit('theirs')\n")

    for command in ((sys.executable, *INSTALLED), COMMAND):
        done = run((*command, *SHOWN), tmp_path)
        assert done.returncode == 0, done.stderr


def test_the_command_is_found_through_a_link(tmp_path: Path) -> None:
    link = tmp_path / "top"
    link.symlink_to(INSTALLED[0])
    relative = tmp_path / "again"
    relative.symlink_to("top")

    for path in (str(link), "./again"):
        assert run((path, "--version"), tmp_path).stdout.startswith("epolltop ")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_descriptor_that_is_a_directory_is_one_sentence(number: int, tmp_path: Path) -> None:
    done = run(("sh", "-c", f'exec "$0" --version {number}</', *INSTALLED), tmp_path)
    said = "" if number == 2 else f"epolltop: descriptor {number} is a directory\n"

    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_what_has_its_descriptors_needs_no_other_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "devnull", "/there/is/none")
    settle()


def test_memory_that_does_not_suffice_for_the_start_is_one_sentence(tmp_path: Path) -> None:
    done = run((sys.executable, "-c", CRAMPED), tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "epolltop: there is not enough memory\n")


CRAMPED = """
import sys
class Full:
    def find_spec(self, name, *_):
        if name == "epolltop.cli":
            raise MemoryError
sys.meta_path.insert(0, Full())
from epolltop.entry import enter
enter()
"""
"""The program, where the first large import has no room."""


def test_without_an_interpreter_the_command_says_so(tmp_path: Path) -> None:
    alone = tmp_path / "epolltop"
    alone.write_bytes((ROOT / "scripts/epolltop").read_bytes())
    alone.chmod(0o755)
    (tmp_path / "python3").write_text(f'#!/bin/sh\nexec {os.path.realpath(sys.executable)} -S "$@"\n')
    (tmp_path / "python3").chmod(0o755)

    done = run((str(alone), "--version"), Path("/"))

    assert done.returncode == 1
    assert done.stderr.endswith(" -I has no epolltop: install epolltop into a virtual environment\n")
