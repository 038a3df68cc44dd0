"""The guests' disks: one with programs, made of what is installed here, and cached; and one with the checkout.

Both are read-only to guests, so that several share them. Programs for another architecture, or with another BCC, are
fetched and unpacked.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bcc.trees import RELEASES, Parts, Release, tree_of
from tests.debian import DEPENDS_ONLY, Unavailable, ask, names

from .kernels import CACHE
from .machines import Machine

ROOT = Path(__file__).parents[2]
CHECKOUT = "/epolltop"  # where guests have it

_PROGRAMS = ("python3", "busybox-static", "dash", "bash", "coreutils", "util-linux", "mount", "procps", "base-files")
_PACKAGES = (*_PROGRAMS, "python3-bpfcc")
_LEFT_OUT = re.compile(r"debconf.*|perl.*|libperl.*|dpkg|install-info|tar|gcc-\d+-base")
_USELESS = re.compile(r"/usr/share/(doc|man|locale|info|lintian|bug|doc-base)/|/__pycache__/")
_MADE_FOR_ALL = ("passwd", "group", "nsswitch.conf")
_MADE_HERE = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", *_MADE_FOR_ALL)
_TOOLS = re.compile(
    r"(mypyc?|ruff|grimp|import_?linter|pip|setuptools|pkg_resources|epolltop|(pytest_)?xdist|execnet)\b|.*\.pth|__pycache__"
)
_TREES = ("bpf", "docs", "epolltop", "tests")


@dataclass(frozen=True)
class Programs:
    """What guests are started with."""

    image: Path
    busybox: Path
    python: tuple[str, ...]
    """The command of a Python here that compiles for theirs."""


@functools.cache
def programs(machine: Machine, bcc: str) -> Programs:
    """An image with Python, BCC, and Python's packages; made when one of these is another.

    Args:
        machine: which it is for.
        bcc: a release of tests/bcc/trees.py, to have its BCC and Python; without, those of this machine's suite.

    Raises:
        Unavailable: .venv is of another Python, a tool is missing, or packages cannot be had.
    """
    return _installed() if machine.native and not bcc else _fetched(machine, of_release(bcc) if bcc else _of_suite())


def _installed() -> Programs:
    if Path(sys.base_prefix) != Path("/usr"):
        raise Unavailable(f"guests get the distribution's Python, and .venv has that of {sys.base_prefix}")
    closure = _closure()
    site = Path(*[path for path in map(Path, sys.path) if path.name == "site-packages"][:1])
    parts = sorted(path for path in site.iterdir() if not _TOOLS.match(path.name))

    def lay_out(stage: Path) -> None:
        _copy_packages(closure, stage)
        _copy_environment(parts, site.relative_to(sys.prefix), stage)

    busybox = Path(shutil.which("busybox") or "/bin/busybox")
    made_of = [*_versions(closure), *(path.name for path in parts)]
    return Programs(_cached(made_of, lay_out, (sys.executable,)), busybox, (sys.executable,))


def of_release(name: str) -> Parts:
    """What a guest needs, with the BCC of a release of tests/bcc/trees.py; programs are of the suite of its Python."""
    ((*before, (suite, packages)),) = (release.parts for release in RELEASES if release.name == name)
    return (*before, (suite, tuple(dict.fromkeys((*packages, *_PROGRAMS)))))


def _of_suite() -> Parts:
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME")
    if not suite:
        raise Unavailable("packages are of this machine's suite of Debian, and it has none")
    return ((suite, _PACKAGES),)


def _fetched(machine: Machine, packages: Parts) -> Programs:
    """Compiled by their own Python if it runs here, else by this machine's, which is as new if of the same suite."""
    name = f"{machine.debian}-{_digest(map(repr, packages))}"
    foreign = ("", "") if machine.native else (machine.debian, machine.name)
    tree = tree_of(Release(name, packages, *foreign))
    python = tree.interpreter if machine.native else (sys.executable,)
    parts = sorted(path for path in tree.packages.iterdir() if path.name not in ("bin", "__pycache__"))

    def lay_out(stage: Path) -> None:
        shutil.copytree(tree.directory, stage, symlinks=True)
        (stage / CHECKOUT[1:]).mkdir()
        for name in _MADE_FOR_ALL:
            shutil.copy(Path("/etc", name), stage / "etc")
        _copy_environment(parts, Path(f"lib/python{tree.python}/site-packages"), stage)

    made_of = [f"{path} {path.stat().st_mtime_ns}" for path in (tree.directory, tree.packages)]
    return Programs(_cached(made_of, lay_out, python), tree.directory / "usr/bin/busybox", python)


def _cached(made_of: list[str], lay_out: Callable[[Path], None], python: Sequence[str]) -> Path:
    """The image of these, by this module; of all, those used last are kept, as many as guests need and one more."""
    image = CACHE / "images" / f"{_digest([Path(__file__).read_text(encoding='utf-8'), *made_of])}.ext4"
    if image.exists():
        image.touch()
        return image
    image.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=image.parent) as folder:
        stage = Path(folder, "root")
        lay_out(stage)
        _compile(python, stage, *stage.glob("usr/lib/python3*"), stage / "venv")
        _filesystem(stage, Path(folder, "image"))
        Path(folder, "image").rename(image)
    for old in sorted(image.parent.glob("*.ext4"), key=lambda path: path.stat().st_mtime)[:-5]:
        old.unlink()
    return image


@functools.cache
def checkout(folder: Path, python: tuple[str, ...]) -> Path:
    """An image of the working tree as it stands, compiled by this Python, in a folder."""
    image = folder / f"checkout-{_digest(python)}"
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        stage = Path(temporary)
        for tree in _TREES:
            shutil.copytree(ROOT / tree, stage / tree, ignore=shutil.ignore_patterns("__pycache__"))
        for path in (*ROOT.glob("*.toml"), *ROOT.glob("*.md")):
            shutil.copy(path, stage)
        _compile(python, stage, stage / "epolltop", stage / "tests", at=CHECKOUT)
        _filesystem(stage, image)
    return image


def _closure() -> list[str]:
    """All installed packages that ours depend on."""
    answer = ask("apt-cache", "depends", "--recurse", "--installed", *DEPENDS_ONLY, *_PACKAGES)
    named = {name for name in names(answer) if not _LEFT_OUT.fullmatch(name)}
    shown = ask("dpkg-query", "-W", "-f", "${Package} ${binary:Package} ${db:Status-Status}\n")
    rows = map(str.split, shown.splitlines())
    return sorted(full for short, full, status in rows if status == "installed" and {short, full} & named)


def _versions(packages: list[str]) -> list[str]:
    return ask("dpkg-query", "-W", *packages).splitlines()


def _digest(made_of: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]


def _copy_packages(packages: list[str], stage: Path) -> None:
    """Directories that are links at the top (/bin, /lib) are so in the image."""
    for top in Path("/").iterdir():
        if top.is_symlink() and top.resolve().is_relative_to("/usr"):
            stage.mkdir(parents=True, exist_ok=True)
            (stage / top.name).symlink_to(top.readlink())
    for folder in ("proc", "sys", "dev", "tmp", "run", "root", "etc", CHECKOUT[1:]):
        (stage / folder).mkdir(parents=True)
    for line in ask("dpkg-query", "-L", *packages).splitlines():
        if line.startswith("/") and not _USELESS.search(line):
            _copy(Path(line), stage)
    for name in _MADE_HERE:
        path = Path("/etc", name)
        if path.is_dir():
            shutil.copytree(path, stage / "etc" / name, symlinks=True, dirs_exist_ok=True)
        elif path.exists():
            shutil.copy(path, stage / "etc" / name)


def _copy(path: Path, stage: Path) -> None:
    """A file or a link, where it really is."""
    real = path.parent.resolve() / path.name
    if real.is_symlink() or real.is_file():
        copied = stage / real.relative_to("/")
        if not os.path.lexists(copied):
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(real, copied, follow_symlinks=False)


def _copy_environment(parts: list[Path], site: Path, stage: Path) -> None:
    """A virtual environment /venv, to which the checkout belongs, with packages in a directory of it."""
    packages = stage / "venv" / site
    packages.mkdir(parents=True)
    for part in parts:
        if part.is_dir():
            shutil.copytree(part, packages / part.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(part, packages)
    (packages / "checkout.pth").write_text(CHECKOUT)
    (stage / "venv" / "bin").mkdir()
    (stage / "venv" / "bin" / "python").symlink_to("/usr/bin/python3")
    (stage / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")


def _compile(python: Sequence[str], stage: Path, *trees: Path, at: str = "/") -> None:
    """Compiled ahead and never looked at again: guests are slow, and cannot write."""
    command = [*python, "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, "-s", stage, "-p", at, *trees], check=False)  # some files are examples of bad syntax


def _filesystem(stage: Path, image: Path) -> None:
    kilobytes = int(ask("du", "-sk", stage).split()[0])
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate((kilobytes * 115 // 100 + 8192) * 1024)
    ask("/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", stage, image)
