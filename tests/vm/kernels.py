"""Which kernels, and how each is had: Debian's packages, unpacked into a cache, never installed."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.debian import Suite, Unavailable, ask, cache, mirrors, unpack

from .machines import AARCH64, X86_64, Machine
from .skips import EVERYWHERE, WITH_LOCKDOWN, WITH_ONE_CPU, WITHOUT_LOCKDOWN, Skip

CACHE = cache() / "vm"
_PACKAGE = re.compile(r"linux-(image|base|binary|modules)-\d\S+")
# What the guest's root needs before it is there; the cloud kernels have it built in.
_FOR_ROOT = ("nvme", "ext4")
_ASKED_AGAIN_S = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Kernel:
    """One column of the matrix: the newest kernel that a meta package of a suite names."""

    name: str
    suite: str
    package: str
    skips: tuple[Skip, ...] = ()
    """What it does not have. It must have all else."""
    words: str = ""
    """For its command line."""
    machine: Machine = X86_64
    cpus: int = 1
    bcc: str = ""
    """A release of tests/bcc/trees.py, whose BCC and Python its guest has; without, those of this machine's suite."""

    def permitted(self) -> tuple[Skip, ...]:
        """All that its guest may leave out."""
        alone = WITH_ONE_CPU if self.cpus == 1 else ()
        locked = WITH_LOCKDOWN if "confidentiality" in self.words else WITHOUT_LOCKDOWN
        return (*EVERYWHERE, *alone, *locked, *self.skips)

    @property
    def files(self) -> Path:
        """In the cache; kernels that are only booted in another way share them."""
        return CACHE / "kernels" / f"{self.suite}-{self.package}"


_SLAB = ("slab", "scan-slab")
# The tracepoint does not tell the cache.
_TELLS_TOO_LITTLE = (Skip(_SLAB, "raw_tracepoint:kmem_cache_free: Invalid argument"),)
# Files go back to their cache after a grace period of RCU.
_TELLS_TOO_LATE = (Skip(_SLAB, "raw_tracepoint:kmem_cache_free: attached, but it did not see"),)
_NO_32_BIT_ENTRY = (
    Skip(
        ("derived",),
        "this kernel has no 32-bit entry",
        "test_a_32_bit_creation_at_an_address_used_before_is_found_not_traced",
    ),
)

KERNELS = (
    Kernel("5.10", "bullseye", "linux-image-cloud-amd64", _TELLS_TOO_LITTLE, bcc="0.18"),
    Kernel("6.1", "bookworm", "linux-image-cloud-amd64", _TELLS_TOO_LATE),
    Kernel("6.1-standard", "bookworm", "linux-image-amd64", _TELLS_TOO_LATE),
    # As users have it: what several CPUs tell has to be merged.
    Kernel("6.12", "trixie", "linux-image-cloud-amd64", cpus=2),
    Kernel("6.12-lockdown", "trixie", "linux-image-cloud-amd64", words="lockdown=confidentiality"),
    Kernel("6.12-arm64", "trixie", "linux-image-cloud-arm64", _NO_32_BIT_ENTRY, machine=AARCH64),
    # Where anything may be preempted a probe may be, too, and the kernel leaves out what meets it there.
    Kernel("newest", "sid", "linux-image-cloud-amd64", words="preempt=full", bcc="newest"),
)


@dataclass(frozen=True)
class Image:
    """A kernel that can be booted; modules in the order in which they are to be loaded before the root is mounted."""

    release: str
    vmlinuz: Path
    modules: tuple[Path, ...]
    words: str = ""
    cpus: int = 1

    @property
    def name(self) -> str:
        """Its release, and how it is booted."""
        return ",".join((self.release, *self.words.split()))


def obtain(kernel: Kernel, say: Callable[[str], None]) -> Image:
    """From the cache, or downloaded; asks for a newer one once a week.

    Raises:
        Unavailable: it is not in the cache and could not be had; the message says why.
    """
    cached = kernel.files
    packages = cached / "packages"
    if packages.exists() and time.time() - packages.stat().st_mtime < _ASKED_AGAIN_S:
        return _image(cached, kernel)
    try:
        _refresh(kernel, cached, say)
    except Unavailable as error:
        if not packages.exists():
            raise
        say(f"{kernel.name}: no newer one can be had, the one from before is taken: {error}")
    return _image(cached, kernel)


def _refresh(kernel: Kernel, cached: Path, say: Callable[[str], None]) -> None:
    say(f"{kernel.name}: asking for {kernel.package} of {kernel.suite}")
    packages = cached / "packages"
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
        apt, root, new = (Path(folder, name) for name in ("apt", "root", "kernel"))
        suite = Suite(kernel.suite, mirrors(), apt, kernel.machine.debian)
        names = kernel_packages(suite.closure(kernel.package))
        files = "\n".join(suite.versions(names))
        if packages.exists() and packages.read_text() == files:
            packages.touch()
            return
        say(f"{kernel.name}: downloading {', '.join(names)}")
        unpack(suite.download(names), root)
        _keep_what_boots(root, new)
        (new / "packages").write_text(files)
        shutil.rmtree(cached, ignore_errors=True)
        new.rename(cached)


def kernel_packages(closure: Iterable[str]) -> tuple[str, ...]:
    """Of a meta package's closure, those that hold a kernel, without the meta package."""
    return tuple(name for name in closure if _PACKAGE.fullmatch(name))


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
    ask("/sbin/depmod", "-b", root, release)
    return insertions(ask("/sbin/modprobe", "-d", root, "-S", release, "-a", "--show-depends", *_FOR_ROOT))


def insertions(answer: str) -> tuple[Path, ...]:
    """The modules in what `modprobe --show-depends` prints, each once."""
    paths = [line.split()[1] for line in answer.splitlines() if line.startswith("insmod ")]
    return tuple(Path(path) for path in dict.fromkeys(paths))


def _image(cached: Path, kernel: Kernel) -> Image:
    modules = tuple(sorted((cached / "modules").iterdir()))
    return Image((cached / "release").read_text(), cached / "vmlinuz", modules, kernel.words, kernel.cpus)
