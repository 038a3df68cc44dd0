"""Architectures of guests: how QEMU makes each, and what its packages are called."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """One that guests can be of."""

    name: str
    """As uname(2) calls it."""
    debian: str
    """As packages call it."""
    qemu: str
    package: str
    """Which has that program."""
    options: str
    words: str
    """For the kernel's command line."""

    def missing(self) -> str:
        """Why no guest can be started here; empty if one can."""
        return "" if shutil.which(self.qemu) else f"there is no {self.qemu} (package {self.package})"

    @property
    def native(self) -> bool:
        """Whether programs that are installed here run there."""
        return platform.machine() == self.name


X86_64 = Machine(
    name="x86_64",
    debian="amd64",
    qemu="qemu-system-x86_64",
    package="qemu-system-x86",
    options="-cpu max,la57=off -M q35",
    # On a busy machine the timer may be late to its test, and the kernel panics.
    words="console=ttyS0 tsc=reliable no_timer_check",
)
AARCH64 = Machine(
    name="aarch64",
    debian="arm64",
    qemu="qemu-system-aarch64",
    package="qemu-system-arm",
    # Pointers are signed by QEMU's own cipher: that of the architecture takes very long to emulate.
    options="-cpu max,pauth-impdef=on -M virt",
    words="console=ttyAMA0",
)
