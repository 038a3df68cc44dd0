"""Whether a test runs in a guest of tests/vm, of which it may change what belongs to all; its lockdown."""

from __future__ import annotations

from pathlib import Path

IN_GUEST = b"/run/guest" in Path("/proc/1/cmdline").read_bytes().split(b"\0")
"""Pid 1 is that of a guest."""
LOCKDOWN = Path("/sys/kernel/security/lockdown")
LOCKED_DOWN = LOCKDOWN.exists() and "[confidentiality]" in LOCKDOWN.read_text(encoding="ascii")
"""No BPF program may read the kernel's memory."""
