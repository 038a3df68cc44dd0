from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from epolltop.bcc.loader import distribution
from epolltop.query.refusal_catalogue import package_command
from tests.cli.program import ROOT

# Each in an interpreter of its own: what is imported once stays.
TRY = """
import sys
from epolltop.errors import SourceUnavailable
from epolltop.bcc.loader import load_bcc
from epolltop.query.refusal_catalogue import refusal_remedy, refusal_words
try:
    module = load_bcc(sys.argv[1:])
except SourceUnavailable as error:
    print(refusal_words(error.evidence))
    print(refusal_remedy(error.evidence))
else:
    print("loaded", module.__file__)
print(sorted(name for name in sys.modules if name.split(".")[0] == "bcc"))
"""
GOOD = "from .table import TABLE\nclass BPF: pass\n"
UNRELATED = "VERSION = 1\n"
NO_LIBRARY = "raise OSError('libbcc.so.0: cannot open shared object file: No such file or directory')\n"
MIXED = "import ctypes\nctypes.CDLL(None).bcc_a_function_of_another_version\n"


def package(directory: Path, content: str) -> Path:
    made = directory / "bcc"
    made.mkdir(parents=True)
    (made / "__init__.py").write_text(content)
    (made / "table.py").write_text("TABLE = 1\n")
    return directory


def load(*places: Path, installed: Path | None = None) -> list[str]:
    path = f"import sys; sys.path.insert(0, {str(installed)!r})\n" if installed else ""
    # A finder in front of all others hides what this machine has; the fakes above are found by path.
    hide = "sys.path[:] = [p for p in sys.path if 'dist-packages' not in p]\n"
    ended = subprocess.run(
        [sys.executable, "-c", path + "import sys\n" + hide + TRY, *map(str, places)],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return ended.stdout.splitlines()


def test_the_distributions_comes_before_what_is_importable_by_that_name(tmp_path: Path) -> None:
    place = package(tmp_path / "dist", GOOD)
    importable = package(tmp_path / "site", GOOD)
    assert load(place, installed=importable)[0] == f"loaded {place / 'bcc' / '__init__.py'}"


def test_without_the_distributions_an_installed_one_is_taken(tmp_path: Path) -> None:
    installed = package(tmp_path / "site", GOOD)
    assert load(tmp_path / "missing", installed=installed)[0] == f"loaded {installed / 'bcc' / '__init__.py'}"


def test_the_distributions_is_found_where_it_lies(tmp_path: Path) -> None:
    place = package(tmp_path / "python3.11" / "site-packages", GOOD)
    loaded, modules = load(tmp_path / "missing", tmp_path / "python3.*" / "site-packages")
    assert loaded == f"loaded {place / 'bcc' / '__init__.py'}"
    assert modules == "['bcc', 'bcc.table']"


def test_what_python_says_about_its_text_is_not_shown(tmp_path: Path) -> None:
    place = package(tmp_path, GOOD + r"ESCAPE = b'\.'" + "\n")
    command = [sys.executable, "-B", "-W", "always", "-c", TRY, str(place)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout.startswith("loaded ")
    assert ended.stderr == ""


def test_absent(tmp_path: Path) -> None:
    why, remedy, modules = load(tmp_path)
    assert why == "BCC's Python module is not installed"
    assert remedy == package_command(distribution())
    assert modules == "[]"


def test_the_unrelated_package_of_that_name(tmp_path: Path) -> None:
    installed = package(tmp_path, UNRELATED)
    why, remedy, modules = load(tmp_path / "missing", installed=installed)
    assert why == (
        f"the Python package bcc at {installed / 'bcc' / '__init__.py'} is not BCC, the BPF compiler collection, "
        "but an unrelated one"
    )
    assert remedy == f"pip uninstall bcc, then: {package_command(distribution())}"
    assert modules == "[]"


def test_the_unrelated_package_does_not_hide_the_distributions(tmp_path: Path) -> None:
    place = package(tmp_path / "dist", GOOD)
    loaded, _ = load(place, installed=package(tmp_path / "site", UNRELATED))
    assert loaded == f"loaded {place / 'bcc' / '__init__.py'}"


@pytest.mark.parametrize("how", ["installed", "found"])
@pytest.mark.parametrize(
    ("content", "why", "remedy"),
    [
        (
            NO_LIBRARY,
            "BCC's library cannot be loaded: libbcc.so.0: cannot open shared object file: No such file or directory",
            "",
        ),
        (
            MIXED,
            "BCC's Python module and its library are of different versions: ",
            "remove copies of BCC that the distribution did not install, then: ",
        ),
    ],
    ids=["library missing", "versions mixed"],
)
def test_a_module_that_does_not_fit(tmp_path: Path, how: str, content: str, why: str, remedy: str) -> None:
    made = package(tmp_path, content)
    said = load(tmp_path / "missing", installed=made) if how == "installed" else load(made)
    assert said[0].startswith(why)
    assert said[1] == remedy + package_command(distribution())
    assert said[2] == "[]"


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "sudo apt install python3-bpfcc"),
        ("ID=linuxmint\nID_LIKE=ubuntu\n", "sudo apt install python3-bpfcc"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "sudo dnf install python3-bcc"),
        ("ID=fedora\n", "sudo dnf install python3-bcc"),
        ("ID=arch\n", "sudo pacman -S python-bcc"),
        ("ID=alpine\n", "sudo apk add py3-bcc"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "sudo zypper install python3-bcc"),
        ("ID=plan9\n", "install your distribution's BCC package for Python"),
        ("# nothing\n\xff", "install your distribution's BCC package for Python"),
    ],
)
def test_the_remedy_fits_the_distribution(tmp_path: Path, release: str, command: str) -> None:
    path = tmp_path / "os-release"
    path.write_bytes(release.encode("latin-1"))
    assert package_command(distribution(str(path))).startswith(command)
    assert package_command(distribution(str(tmp_path / "missing"))).startswith("install your distribution's")
