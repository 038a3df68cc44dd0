"""Userlands of other releases: Python, BCC and what these need, each in a directory, entered by chroot."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from tests.debian import Suite, Unavailable, alone, ask, cache, mirrors, unpack

ROOT = Path(__file__).parents[2]
FRESH_S = 14 * 24 * 3600.0
"""After that a tree is made anew, because suites move on; the old one serves where that fails."""
PATIENCE_S = 300.0

_PYTHON = ("python3",)
_BCC = ("python3-bpfcc",)
_TESTED_BY = ("hypothesis", "pytest", "pytest-asyncio", "pytest-timeout")
_PLACES = ("proc", "sys", "dev", "tmp", "srv/epolltop", "srv/packages")
# The mounts are private to the process and end with it. $1 tree, $2 checkout, $3 packages, $4 directory for results.
_ENTER = """
mount --bind "$1" "$1" # a mount that is listed in there, as a container's root is
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/srv/epolltop"
mount -o remount,bind,ro "$1/srv/epolltop"
mount --bind "$3" "$1/srv/packages"
mount --bind "$4" "$1/tmp"
tree=$1
shift 4
exec chroot "$tree" "$@"
"""
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin",
    "PYTHONPATH": "/srv/epolltop:/srv/packages",
    "PYTHONPYCACHEPREFIX": "/var/cache/python",
    "LC_ALL": "C.UTF-8",
}


Parts = tuple[tuple[str, tuple[str, ...]], ...]
"""Suites, and packages to take of each; the later lie over the earlier."""


@dataclass(frozen=True)
class Release:
    """A BCC, and where it is from."""

    name: str
    parts: Parts
    architecture: str = ""
    """Of the packages, as Debian calls it; that of this machine without. Then it can be entered by no chroot here."""
    machine: str = ""
    """The same, as uname(2) calls it."""


RELEASES = (
    # Debian 11 has Python 3.9, which is too old.
    Release("0.18", (("bullseye", _BCC), ("bookworm", _PYTHON))),
    Release("0.26", (("bookworm", _PYTHON + _BCC),)),
    Release("0.31", (("trixie", _PYTHON + _BCC),)),
    Release("newest", (("sid", _PYTHON + _BCC),)),
)


@dataclass(frozen=True)
class Tree:
    """A userland that is there."""

    directory: Path
    packages: Path
    """Python packages for its Python."""

    @property
    def bcc(self) -> str:
        """The version, such as 0.18."""
        text = (self.directory / "usr/lib/python3/dist-packages/bcc/version.py").read_text(encoding="utf-8")
        found = re.search(r"(\d+\.\d+)", text)
        return found[1] if found else "unknown"

    @property
    def python(self) -> str:
        """The version, such as 3.13."""
        return _python(self.directory)

    @property
    def interpreter(self) -> tuple[str, ...]:
        """The command of its Python outside of it, where programs of its architecture run."""
        (loader,) = self.directory.glob("usr/lib/*-linux-gnu/ld-linux-*")
        return (str(loader), "--library-path", str(loader.parent), str(self.directory / "usr/bin/python3"))

    def run(self, results: Path, *command: str) -> int:
        """Runs a command inside, with the checkout as working tree; its exit code. What it says goes to stderr.

        Args:
            results: what the command finds and leaves in /tmp.
            command: a program and its arguments.

        Raises:
            Unavailable: it does not end.
        """
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", _ENTER, "sh"]
        paths = [self.directory, ROOT, self.packages, results]
        try:
            with subprocess.Popen(
                [*enter, *paths, *command], stdin=subprocess.DEVNULL, stdout=2, env=_environment()
            ) as run:
                try:
                    return run.wait(PATIENCE_S)
                finally:
                    run.kill()
        except subprocess.TimeoutExpired:
            raise Unavailable(f"no end within {PATIENCE_S:.0f} s") from None


def _environment() -> dict[str, str]:
    return _ENVIRONMENT | {name: value for name, value in os.environ.items() if name.startswith("EPOLLTOP_")}


def tree_of(release: Release) -> Tree:
    """The userland of a release, made if need be.

    Raises:
        Unavailable: it cannot be made here.
    """
    with alone(cache()):
        directory = _made(cache() / f"bcc-{release.name}", lambda new: _lay_out(release, new))
        return Tree(directory, _packages_for(_python(directory), release.machine))


def _lay_out(release: Release, tree: Path) -> None:
    for name, packages in release.parts:
        with tempfile.TemporaryDirectory(dir=tree.parent) as apt:
            unpack(Suite(name, mirrors(), Path(apt), release.architecture).fetch(packages), tree)
    for place in _PLACES:
        (tree / place).mkdir(parents=True, exist_ok=True)


def _packages_for(python: str, machine: str) -> Path:
    """epolltop's requirements and pytest, in the versions that CI tests with."""
    constraints = ROOT / "constraints.txt"
    wanted = sorted(_requirements())
    key = hashlib.sha256("\n".join([*wanted, constraints.read_text(encoding="utf-8")]).encode()).hexdigest()[:12]
    where: tuple[str, ...] = ("--python-version", python, "--only-binary=:all:", "-c", str(constraints))
    for built in ("manylinux_2_28", "manylinux_2_17", "manylinux2014") if machine else ():
        where += ("--platform", f"{built}_{machine}")

    def install(new: Path) -> None:
        ask(sys.executable, "-m", "pip", "install", "-q", "--target", new, *where, *wanted)

    return _made(cache() / f"packages-{python}-{machine}{'-' * bool(machine)}{key}", install)


def _requirements() -> Iterator[str]:
    for line in importlib.metadata.requires("epolltop") or ():
        requirement = Requirement(line)
        if requirement.name in _TESTED_BY or not requirement.marker:
            yield f"{requirement.name}{requirement.specifier}"


def _python(tree: Path) -> str:
    return os.readlink(tree / "usr/bin/python3").removeprefix("python")


def _made(at: Path, make: Callable[[Path], None]) -> Path:
    """A directory of the cache, whole or not at all."""
    if at.exists() and time.time() - at.stat().st_mtime < FRESH_S:
        return at
    say(f"making {at}")
    with tempfile.TemporaryDirectory(dir=at.parent) as temporary:
        new = Path(temporary, "new")
        new.mkdir()
        try:
            make(new)
        except Unavailable as error:
            if not at.exists():
                raise
            say(f"cannot be made anew, the old one serves: {error}")
            return at
        new.chmod(0o755)
        os.utime(new)
        shutil.rmtree(at, ignore_errors=True)
        new.rename(at)
    return at


def say(*words: object) -> None:
    """Narrates."""
    print("test-bcc:", *words, file=sys.stderr, flush=True)


def missing(commands: Sequence[str] = ("apt-get", "dpkg-deb", "tar", "unshare", "mount", "chroot")) -> str:
    """Why trees can be neither made nor entered here; empty if they can."""
    if os.geteuid():
        return "needs root"
    absent = [command for command in commands if not shutil.which(command)]
    return f"there is no {absent[0]}" if absent else ""
