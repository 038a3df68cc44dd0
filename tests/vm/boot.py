"""Boots a kernel under QEMU, without KVM, and brings back what its tests found."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .initramfs import initramfs
from .kernels import Image
from .machines import Machine
from .rootfs import Programs

_RESULT_BYTES = 16 << 20
_PANIC = re.compile(r"Kernel panic[^\r\n]*")
_MACHINE = "-accel tcg -m 1024 -nodefaults -no-user-config -display none -no-reboot"
_WORDS = "quiet panic=-1 mitigations=off random.trust_cpu=on"


@dataclass(frozen=True)
class Guest:
    """What a kernel is started with: two disks, how long it may take, what pytest is told besides."""

    machine: Machine
    programs: Programs
    checkout: Path
    timeout_s: float
    seeds: int
    arguments: tuple[str, ...] = ()


class GuestFailed(Exception):
    """No result came out; the message says what the guest did instead."""


def run(image: Image, guest: Guest, console: Path) -> bytes:
    """JUnit's XML, of the kernel's tests. What the guest prints goes to the file `console`.

    Raises:
        GuestFailed: it hung, panicked, was killed, or its tests did not end as tests do.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result")
        with result.open("wb") as file:
            file.truncate(_RESULT_BYTES)
        disks = ((guest.programs.image, True), (guest.checkout, True), (result, False))
        command = [*_machine(guest.machine, console), *_kernel(image, guest, Path(folder, "initramfs")), *_disks(disks)]
        return archived(result, ended(command, guest.timeout_s), console)


def _machine(machine: Machine, console: Path) -> list[str]:
    """It ends with the process that started it, however that ends."""
    options = f"{_MACHINE} {machine.options}".split()
    return ["setpriv", "--pdeathsig", "KILL", machine.qemu, *options, "-serial", f"file:{console}"]


def _kernel(image: Image, guest: Guest, initial: Path) -> list[str]:
    """Variables that the kernel does not know are the first process's environment."""
    initial.write_bytes(initramfs(guest.programs.busybox, image.modules, guest.arguments))
    words = f"{_WORDS} {guest.machine.words} {image.words} EPOLLTOP_SEEDS={guest.seeds}"
    return ["-smp", str(image.cpus), "-kernel", str(image.vmlinuz), "-initrd", str(initial), "-append", words]


def _disks(disks: Sequence[tuple[Path, bool]]) -> list[str]:
    """Namespaces of one controller; the guest knows them by their numbers, from 1."""
    options = ["-device", "nvme,id=nvme,serial=epolltop"]
    for number, (path, readonly) in enumerate(disks, start=1):
        flags = "readonly=on" if readonly else "cache=unsafe"
        options += ["-drive", f"file={path},if=none,id=d{number},format=raw,file.locking=off,{flags}"]
        options += ["-device", f"nvme-ns,drive=d{number},bus=nvme,nsid={number}"]
    return options


def ended(command: list[str], timeout_s: float) -> str:
    """How QEMU ended, in words; empty if by itself."""
    try:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        return f"no end within {timeout_s:.0f} s"
    if done.returncode < 0:
        return f"QEMU was killed by signal {-done.returncode}"
    return f"QEMU: {done.stderr.strip()[-200:]}" if done.returncode else ""


def archived(result: Path, end: str, console: Path) -> bytes:
    """The report on a guest's third disk.

    Args:
        result: the disk.
        end: how QEMU ended.
        console: what the guest printed.

    Raises:
        GuestFailed: there is none, or pytest says that it is not whole.
    """
    try:
        with tarfile.open(result) as archive:
            files = {member.name: archive.extractfile(member) for member in archive}
            code, junit = (file.read() for name in ("code", "junit.xml") if (file := files.get(name)))
    except (tarfile.TarError, ValueError):
        raise GuestFailed(f"{end or 'no result'}; {last_words(console)}") from None
    if code.strip() not in (b"0", b"1"):
        raise GuestFailed(f"pytest ended with {code.decode(errors='replace').strip()}; {last_words(console)}")
    return junit


def last_words(console: Path) -> str:
    """A panic if there was one, else the last line that the guest printed."""
    said = ""
    with contextlib.suppress(OSError):
        said = io.StringIO(console.read_text(encoding="utf-8", errors="replace"), newline=None).read()
    panic = _PANIC.search(said)
    lines = [line.strip() for line in said.splitlines() if line.strip() and "reboot: Power down" not in line]
    return panic[0] if panic else f"it said last: {lines[-1]}" if lines else "it said nothing"
