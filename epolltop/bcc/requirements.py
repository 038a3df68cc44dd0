"""What the BPF source needs of a machine, and what this machine has of it."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

from epolltop.bcc.btf import VMLINUX
from epolltop.bcc.loader import load_bcc
from epolltop.bcc.syscalls import TRACEFS, mount
from epolltop.errors import Requirement, SourceUnavailable
from epolltop.own_process.own_command import own_command
from epolltop.own_process.privileges import Capability, has
from epolltop.proc import kcore, mountinfo
from epolltop.proc.ns import in_first_user_namespace

_LOCKDOWN = Path("/sys/kernel/security/lockdown")


def requirements() -> tuple[Requirement, ...]:
    """All of them, without changing anything."""
    return (privileges(), tracefs(), btf(), lockdown(), _bcc())


def privileges() -> Requirement:
    """Whether this thread may load BPF programs."""
    able = has(Capability.SYS_ADMIN) or (has(Capability.BPF) and has(Capability.PERFMON))
    within = able and not in_first_user_namespace()
    met = able and not within
    state = "user_namespace" if within else "enough" if met else "too_few"
    return Requirement("privileges", met, {"uid": os.geteuid(), "state": state, "program": own_command()})


def tracefs() -> Requirement:
    """Whether tracepoints can be found. Nothing needs them if the kernel permits function probes."""
    if not lockdown().met:
        return Requirement("tracefs", False, {"tracefs": "locked_down"})
    for path in map(Path, TRACEFS):
        # os.path, because Path.is_dir raises if access is denied: both directories are root's.
        if os.path.isdir(path / "events" / "syscalls"):
            return Requirement("tracefs", True, {"tracefs": "mounted", "path": str(path)})
    if os.geteuid() != 0 and mountinfo.has(b"tracefs"):
        return Requirement("tracefs", False, {"tracefs": "unreadable", "program": own_command()})
    if any(os.path.isdir(os.path.join(path, "events")) for path in TRACEFS):
        return Requirement("tracefs", False, {"tracefs": "no_syscalls"})
    return Requirement("tracefs", False, {"tracefs": "not_mounted", "path": TRACEFS[0]})


def btf() -> Requirement:
    """Whether the offsets of structures can be read."""
    there = os.access(VMLINUX, os.R_OK)
    return Requirement("BTF", there, {"state": "readable" if there else "missing", "path": str(VMLINUX)})


def lockdown() -> Requirement:
    """Whether the kernel is locked down beyond what BPF needs."""
    try:
        state = _LOCKDOWN.read_text(encoding="ascii")
        state = state[state.index("[") + 1 : state.index("]")]
    except (OSError, ValueError):  # securityfs is not mounted, as in containers, or there is no lockdown
        state = "confidentiality" if kcore.locked() else "none"
    return Requirement("lockdown", state != "confidentiality", {"state": state})


def _bcc() -> Requirement:
    try:
        bcc = load_bcc()
    except SourceUnavailable as error:
        return Requirement("BCC", False, error.evidence)
    found = {"state": "found", "version": getattr(bcc, "__version__", ""), "path": bcc.__path__[0]}
    return Requirement("BCC", True, found)


def require() -> None:
    """Checks what every hook needs before anything is compiled, then mounts tracefs if it is missing and we are root.

    Raises:
        SourceUnavailable: with the first requirement that is not met.
    """
    for check in (privileges, lockdown, btf):
        need = check()
        if not need.met:
            raise SourceUnavailable(need.name.lower(), need.evidence)
    if os.geteuid() == 0 and not tracefs().met:
        with contextlib.suppress(OSError):  # the hooks say what they lack
            mount("tracefs", TRACEFS[0])


def kernel() -> str:
    """Release and architecture of the running kernel."""
    return f"{platform.release()} {platform.machine()}"
