"""What we hand out is complete and enough: the sdist builds the wheel, and the wheel alone runs, from anywhere."""

from __future__ import annotations

import email.parser
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import epolltop

ROOT = Path(__file__).parents[2]
HIDDEN = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(ROOT))
"""In a mount namespace of its own an empty directory hides the checkout: nothing can come from there."""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist, and the wheel built from it as a release would be."""
    directory = tmp_path_factory.mktemp("dist")
    _with_index([sys.executable, "-m", "build", "--outdir", str(directory)])
    return directory


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    [path] = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that holds the wheel and what it requires, and has never heard of the checkout."""
    directory = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    _with_index([str(directory / "bin" / "python"), "-m", "pip", "install", "-q", str(wheel)])
    return directory


def test_wheel_holds_the_package_and_the_bpf_sources_and_nothing_else(wheel: Path) -> None:
    expected = {f"epolltop/{name}": content for name, content in _files(ROOT / "epolltop").items()}
    expected |= {f"epolltop/bpf/{name}": content for name, content in _files(ROOT / "bpf").items()}
    expected |= {f"epolltop/events/{name}": content for name, content in _files(ROOT / "docs" / "events").items()}
    expected["epolltop/findings.md"] = (ROOT / "docs" / "findings.md").read_bytes()

    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}

    expected[f"epolltop-{epolltop.__version__}.data/scripts/epolltop"] = (ROOT / "scripts/epolltop").read_bytes()
    assert held.keys() == expected.keys()
    assert held == expected


def test_wheel_holds_what_only_the_program_would_miss(wheel: Path) -> None:
    # Named one by one: the comparison with the checkout cannot see what is missing in both.
    headers = ["asm/page.h", "linux/bpf_common.h", "linux/kconfig.h", "linux/log2.h", "linux/types.h"]
    headers += ["linux/version.h", "uapi/linux/bpf.h", "uapi/linux/if_packet.h"]
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    assert {f"epolltop/bpf/stub-headers/include/{name}" for name in headers} <= names
    assert {"epolltop/bpf/common.c", "epolltop/bpf/wire.h", "epolltop/ui/epolltop.tcss"} <= names
    assert {"epolltop/events/epoll_create.md", "epolltop/events/files_free.md"} <= names


def test_wheel_says_what_it_is(wheel: Path) -> None:
    metadata = _metadata(wheel)

    assert wheel.name == f"epolltop-{epolltop.__version__}-py3-none-any.whl"
    assert (metadata["Name"], metadata["Version"]) == ("epolltop", epolltop.__version__)
    assert (metadata["License-Expression"], metadata["License-File"]) == ("MIT", "LICENSE")
    assert metadata["Requires-Python"] == ">=3.10"


def test_wheel_requires_no_bcc(wheel: Path) -> None:
    # The index' package of that name is an unrelated one; [external] is for distributions and is no metadata.
    metadata = _metadata(wheel)
    required = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]

    assert {one.name for one in required if one.marker is None} == {
        "google-re2",
        "humanize",
        "lark",
        "msgspec",
        "pyroute2",
        "textual",
    }
    assert "bcc" not in {one.name for one in required}
    assert [name for name in metadata if "External" in name] == []


def test_sdist_holds_what_a_build_and_a_test_run_need(dist: Path) -> None:
    [path] = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {f"bpf/{name}" for name in _files(ROOT / "bpf")} <= names
    assert {"Makefile", "LICENSE", "README.md", "constraints.txt", "scripts/set-up", "tests/__init__.py"} <= names


def test_installed_wheel_starts_from_anywhere(environment: Path, tmp_path: Path) -> None:
    done = _run([str(environment / "bin" / "epolltop"), "--version"], tmp_path)

    assert done.stdout.split()[-1] == epolltop.__version__


@pytest.mark.kernel
def test_installed_wheel_observes_with_its_own_bpf_sources(environment: Path, tmp_path: Path) -> None:
    command = [str(environment / "bin" / "epolltop"), "snapshot", "--source", "bpf", "-d", "0"]

    done = _run([*HIDDEN, *command], tmp_path)

    assert json.loads(done.stdout)["source"]["kind"] == "bpf"


@pytest.mark.kernel
def test_installed_wheel_has_the_pages_of_its_events(environment: Path, tmp_path: Path) -> None:
    read = "import epolltop.ui.dialogs.manual, sys; sys.stdout.write(epolltop.ui.dialogs.manual.page('epoll_create1'))"

    done = _run([*HIDDEN, str(environment / "bin" / "python"), "-I", "-c", read], tmp_path)

    assert done.stdout == (ROOT / "docs" / "events" / "epoll_create.md").read_text()


def _files(directory: Path) -> dict[str, bytes]:
    paths = (path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.parser.Parser().parsestr(archive.read(name).decode())


def _run(command: Sequence[str], directory: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def _with_index(command: Sequence[str]) -> None:
    """Runs what uses the package index, with the pinned versions; skips the test where there is no index to reach."""
    pinned = os.environ | {"PIP_CONSTRAINT": "constraints.txt", "PIP_BUILD_CONSTRAINT": "constraints.txt"}
    done = subprocess.run(command, cwd=ROOT, env=pinned, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode and "connection broken by" in said:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, said
