"""What the BPF source needs of a machine, each with its state and one remedy."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

from epolltop.bcc.btf import VMLINUX
from epolltop.bcc.loader import load_bcc
from epolltop.bcc.remedies import as_root
from epolltop.bcc.syscalls import TRACEFS, mount
from epolltop.errors import Requirement, SourceUnavailable
from epolltop.proc import mountinfo
from epolltop.proc.ns import in_first_user_namespace
from epolltop.runtime.privileges import Capability, has

_LOCKDOWN = Path("/sys/kernel/security/lockdown")


def requirements() -> tuple[Requirement, ...]:
    """All of them, without changing anything."""
    return (privileges(), tracefs(), btf(), lockdown(), _bcc())


def privileges() -> Requirement:
    """Whether this thread may load BPF programs."""
    able = has(Capability.SYS_ADMIN) or (has(Capability.BPF) and has(Capability.PERFMON))
    who = "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"
    if able and not in_first_user_namespace():
        outside = "run it outside of this user namespace (rootless container), as root"
        return Requirement("privileges", False, f"{who} of a user namespace, may not load BPF programs", outside)
    return Requirement(
        "privileges",
        able,
        f"{who}, {'may' if able else 'may not'} load BPF programs",
        "" if able else as_root(),
    )


def tracefs() -> Requirement:
    """Whether tracepoints can be found. Nothing needs them if the kernel permits function probes."""
    for path in map(Path, TRACEFS):
        # os.path, because Path.is_dir raises if access is denied: both directories are root's.
        if os.path.isdir(path / "events" / "syscalls"):
            return Requirement("tracefs", True, f"mounted at {path}")
    if os.geteuid() != 0 and mountinfo.has(b"tracefs"):
        return Requirement("tracefs", False, "mounted, but only root may read it", as_root())
    if any(os.path.isdir(os.path.join(path, "events")) for path in TRACEFS):
        return Requirement("tracefs", False, "has no syscall tracepoints", "a kernel with CONFIG_FTRACE_SYSCALLS=y")
    remedy = f"sudo mount -t tracefs tracefs {TRACEFS[0]}"
    return Requirement("tracefs", False, "not mounted, so there are no tracepoints to attach to", remedy)


def btf() -> Requirement:
    """Whether the offsets of structures can be read."""
    there = os.access(VMLINUX, os.R_OK)
    remedy = "" if there else "a kernel with CONFIG_DEBUG_INFO_BTF=y (Debian, Ubuntu, Fedora, Arch have it)"
    return Requirement("BTF", there, f"{VMLINUX} {'readable' if there else 'is missing'}", remedy)


def lockdown() -> Requirement:
    """Whether the kernel is locked down beyond what BPF needs."""
    try:
        state = _LOCKDOWN.read_text(encoding="ascii")
        state = state[state.index("[") + 1 : state.index("]")]
    except (OSError, ValueError):
        state = "none"
    met = state != "confidentiality"
    return Requirement("lockdown", met, state, "" if met else "boot without lockdown=confidentiality")


def _bcc() -> Requirement:
    try:
        bcc = load_bcc()
    except SourceUnavailable as error:
        return Requirement("BCC", False, str(error), error.remedy)
    return Requirement("BCC", True, f"{getattr(bcc, '__version__', 'version unknown')} from {bcc.__path__[0]}")


def require() -> None:
    """Mounts tracefs if it is missing and we are root, then checks what every hook needs before anything is compiled.

    Raises:
        SourceUnavailable: with the first requirement that is not met.
    """
    if os.geteuid() == 0 and not tracefs().met:
        with contextlib.suppress(OSError):  # the hooks say what they lack
            mount("tracefs", TRACEFS[0])
    for check in (privileges, lockdown, btf):
        need = check()
        if not need.met:
            raise SourceUnavailable(f"{need.name}: {need.detail}", need.remedy, cause=need.name.lower())


def kernel() -> str:
    """Release and architecture of the running kernel."""
    return f"{platform.release()} {platform.machine()}"
