"""Which kernels, and how each is had: Debian's packages, unpacked into a cache, never installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .apt import AptError, Mirrors, Suite

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "epolltop" / "vm"
# What the guest's root needs before it is there; the cloud kernels have it built in.
_FOR_ROOT = ("nvme", "ext4")
_ASKED_AGAIN_S = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Kernel:
    """One column of the matrix: the newest kernel that a meta package of a suite names."""

    name: str
    suite: str
    package: str
    refuses: frozenset[str] = frozenset()
    """Rungs that this kernel does not have. It must have all others: a test that skips them there is wrong."""


_NO_SLAB = frozenset({"slab", "scan-slab"})
"""The tracepoint of 5.10 does not tell the cache. On 6.1 files go back to it after a grace period of RCU, too late to
tell who released them."""

KERNELS = (
    Kernel("5.10", "bullseye", "linux-image-cloud-amd64", _NO_SLAB),
    Kernel("6.1", "bookworm", "linux-image-cloud-amd64", _NO_SLAB),
    Kernel("6.1-standard", "bookworm", "linux-image-amd64", _NO_SLAB),
    Kernel("6.12", "trixie", "linux-image-cloud-amd64"),
    Kernel("newest", "sid", "linux-image-cloud-amd64"),
)


@dataclass(frozen=True)
class Image:
    """A kernel that can be booted; modules in the order in which they are to be loaded before the root is mounted."""

    release: str
    vmlinuz: Path
    modules: tuple[Path, ...]


def obtain(kernel: Kernel, mirrors: Callable[[], Mirrors], say: Callable[[str], None]) -> Image:
    """From the cache, or downloaded; asks for a newer one once a week.

    Raises:
        AptError: it is not in the cache and could not be had; the message says why.
    """
    cached = CACHE / "kernels" / kernel.name
    packages = cached / "packages"
    if packages.exists() and time.time() - packages.stat().st_mtime < _ASKED_AGAIN_S:
        return _image(cached)
    try:
        _refresh(kernel, mirrors(), cached, say)
    except AptError as error:
        if not packages.exists():
            raise
        say(f"{kernel.name}: no newer one can be had, the one from before is taken: {error}")
    return _image(cached)


def _refresh(kernel: Kernel, mirrors: Mirrors, cached: Path, say: Callable[[str], None]) -> None:
    say(f"{kernel.name}: asking for {kernel.package} of {kernel.suite}")
    suite = Suite(kernel.suite, mirrors, CACHE / "apt" / kernel.suite)
    suite.update()
    names = suite.kernel_packages(kernel.package)
    files = "\n".join(suite.archives(names))
    packages = cached / "packages"
    if packages.exists() and packages.read_text() == files:
        packages.touch()
        return
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
        made = Path(folder)
        say(f"{kernel.name}: downloading {', '.join(names)}")
        suite.download(names, made)
        root = made / "root"
        for archive in made.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", archive, root], check=True)
        new = made / "kernel"
        _keep_what_boots(root, new)
        (new / "packages").write_text(files)
        shutil.rmtree(cached, ignore_errors=True)
        new.rename(cached)


def _keep_what_boots(root: Path, kept: Path) -> None:
    """Of the unpacked packages: vmlinuz and the modules for the root file system, numbered."""
    (found,) = {*root.glob("boot/vmlinuz-*"), *root.glob("usr/lib/modules/*/vmlinuz")}
    release = found.name.removeprefix("vmlinuz-") if found.parent.name == "boot" else found.parent.name
    (kept / "modules").mkdir(parents=True)
    for number, module in enumerate(_modules(root, release)):
        shutil.copy(module, kept / "modules" / f"{number:02}-{module.name}")
    shutil.copy(found, kept / "vmlinuz")
    (kept / "release").write_text(release)


def _modules(root: Path, release: str) -> tuple[Path, ...]:
    """Dependencies come first. Empty if all is built in."""
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")
    subprocess.run(["/sbin/depmod", "-b", root, release], check=True)
    shown = subprocess.run(
        ["/sbin/modprobe", "-d", root, "-S", release, "-a", "--show-depends", *_FOR_ROOT],
        check=True,
        capture_output=True,
        text=True,
    )
    return insertions(shown.stdout)


def insertions(answer: str) -> tuple[Path, ...]:
    """The modules in what `modprobe --show-depends` prints, each once."""
    paths = [line.split()[1] for line in answer.splitlines() if line.startswith("insmod ")]
    return tuple(Path(path) for path in dict.fromkeys(paths))


def _image(cached: Path) -> Image:
    return Image((cached / "release").read_text(), cached / "vmlinuz", tuple(sorted((cached / "modules").iterdir())))
