"""The words for each cause of a refusal (`errors.SourceUnavailable`), and what helps.

A requirement that is met has words here, too, because the doctor shows what it found.
"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Callable, Mapping
from typing import NamedTuple

from epolltop.errors import Requirement
from epolltop.text.safe import printable

RefusalEvidence = Mapping[str, int | float | str]

MORE_DESCRIPTORS = "ulimit -n 1024"
"""The remedy if too few descriptors are allowed."""
_ONLY_PROC = "use --source proc"
_UNLOCKED = "boot without lockdown=confidentiality"
_MOUNT_PROC = "mount -t proc proc /proc"
_LOCK_MEMORY = "ulimit -l unlimited, or CAP_IPC_LOCK (before Linux 5.11 CAP_SYS_RESOURCE, too), to let it lock memory"
_REFUSED_BPF = "; or remove the filter that refuses bpf(2), such as seccomp in most containers"
_PACKAGES = {
    "debian": "sudo apt install python3-bpfcc",
    "ubuntu": "sudo apt install python3-bpfcc",
    "fedora": "sudo dnf install python3-bcc",
    "rhel": "sudo dnf install python3-bcc",
    "arch": "sudo pacman -S python-bcc",
    "alpine": "sudo apk add py3-bcc",
    "suse": "sudo zypper install python3-bcc",
}


class RefusalEntry(NamedTuple):
    """What is said about a cause."""

    words: str | Callable[[RefusalEvidence], str]
    """A sentence without its full stop, or a function that makes one from the evidence."""
    remedy: str | Callable[[RefusalEvidence], str]
    """What a person can do; empty if there is nothing."""


def refusal_words(evidence: RefusalEvidence) -> str:
    """Why a source cannot run, in a sentence without its full stop. It may have lines if a compiler printed some."""
    cause = str(evidence.get("cause", ""))
    if cause not in REFUSALS:
        return " ".join(f"{name}={value}" for name, value in evidence.items())
    words = REFUSALS[cause].words
    return words if isinstance(words, str) else words(evidence)


def refusal_remedy(evidence: RefusalEvidence) -> str:
    """What a person can do against it; empty if no remedy is known."""
    cause = str(evidence.get("cause", ""))
    return _remedy(cause, evidence) if cause in REFUSALS else ""


def found(need: Requirement) -> str:
    """What a machine has of a requirement."""
    return _FOUND[need.name.lower()](need.evidence)


def needed(need: Requirement) -> str:
    """What to do if a requirement is not met; empty if it is met, or if nothing can be done."""
    return "" if need.met else _remedy(need.name.lower(), need.evidence)


def _remedy(cause: str, evidence: RefusalEvidence) -> str:
    remedy = REFUSALS[cause].remedy
    return remedy if isinstance(remedy, str) else remedy(evidence)


def package_command(distributions: str) -> str:
    """The command that installs BCC.

    Args:
        distributions: ids of the distribution and of those that it is like, the best first, with spaces between.
    """
    return next(
        (_PACKAGES[each] for each in distributions.split() if each in _PACKAGES),
        "install your distribution's BCC package for Python (python3-bpfcc, python3-bcc, python-bcc or py3-bcc)",
    )


def outcomes(refused: str) -> str:
    """Which hooks did not hold, and why.

    Args:
        refused: HOOK=ERRNO, with spaces between.
    """
    told = (each.rpartition("=") for each in refused.split())
    return "; ".join(f"{hook}: {_outcome(how)}" for hook, _, how in told)


def _outcome(how: str) -> str:
    if how == "unproven":
        return "attached, but it did not see an instance of epolltop's own"
    return _strerror(how) or how


def _strerror(name: object) -> str:
    """The text of an errno by its name; empty if there is no such one here."""
    number = {name: number for number, name in errno.errorcode.items()}.get(str(name))
    return "" if number is None else os.strerror(number)


def _as_root(evidence: RefusalEvidence) -> str:
    program = str(evidence.get("program", ""))
    return f"run it as root{f': sudo {printable(shlex.quote(program))}' if program else ''}"


def _who(evidence: RefusalEvidence) -> str:
    who = f"uid {evidence['uid']}" if evidence.get("uid") else "root"
    where = " of a user namespace" if evidence.get("state") == "user_namespace" else ""
    return f"{who}{where}, {'may' if evidence.get('state') == 'enough' else 'may not'} load BPF programs"


def _rights(evidence: RefusalEvidence) -> str:
    if evidence.get("state") == "user_namespace":
        return "run it outside of this user namespace (rootless container), as root"
    return _as_root(evidence)


def _lockdown(evidence: RefusalEvidence) -> str:
    state = str(evidence.get("state", ""))
    return f"{state}, which lets no BPF program read the kernel's memory" if state == "confidentiality" else state


def _tracefs(evidence: RefusalEvidence) -> str:
    return {
        "mounted": f"mounted at {evidence.get('path', '')}",
        "unreadable": "mounted, but only root may read it",
        "no_syscalls": "has no syscall tracepoints",
        "locked_down": "has no files under lockdown=confidentiality",
    }.get(str(evidence.get("tracefs")), "not mounted, so there are no tracepoints to attach to")


def _tracepoints(evidence: RefusalEvidence) -> str:
    state = evidence.get("tracefs")
    if state == "unreadable":
        return _as_root(evidence)
    if state == "no_syscalls":
        return "a kernel with CONFIG_FTRACE_SYSCALLS=y"
    if state == "locked_down":
        return _UNLOCKED
    return f"sudo mount -t tracefs tracefs {evidence.get('path', '/sys/kernel/tracing')}"


def _btf(evidence: RefusalEvidence) -> str:
    if evidence.get("state") == "damaged":
        return f"the kernel's type information cannot be read: {evidence.get('said', '')}"
    return f"{evidence.get('path', '')} {'readable' if evidence.get('state') == 'readable' else 'is missing'}"


def _bcc(evidence: RefusalEvidence) -> str:
    path, said = evidence.get("path", ""), evidence.get("said", "")
    return {
        "found": f"{evidence.get('version') or 'version unknown'} from {path}",
        "unrelated": f"the Python package bcc at {path} is not BCC, the BPF compiler collection, but an unrelated one",
        "no_library": f"BCC's library cannot be loaded: {said}",
        "mixed": f"BCC's Python module and its library are of different versions: {said}",
    }.get(str(evidence.get("state")), "BCC's Python module is not installed")


def _install(evidence: RefusalEvidence) -> str:
    before = {
        "unrelated": "pip uninstall bcc, then: ",
        "mixed": "remove copies of BCC that the distribution did not install, then: ",
    }.get(str(evidence.get("state")), "")
    return before + package_command(str(evidence.get("distribution", "")))


def _more_rights(evidence: RefusalEvidence) -> str:
    """What may help if the kernel refused a system call."""
    call, number = evidence.get("call"), evidence.get("errno")
    if call == "perf_event_open":
        if number == "EACCES":
            return f"{_as_root(evidence)}; or sysctl kernel.perf_event_paranoid=2, if it is more now"
    elif number == "EPERM":
        return _LOCK_MEMORY if call == "mmap" else _LOCK_MEMORY + _REFUSED_BPF
    return MORE_DESCRIPTORS if number == "EMFILE" else ""


def _perf_buffer(evidence: RefusalEvidence) -> str:
    told = (str(evidence.get("call", "")), _strerror(evidence.get("errno")))
    return ": ".join(("the kernel refused the perf buffer", *filter(None, told)))


def _no_hook(evidence: RefusalEvidence) -> str:
    probe = evidence.get("probe", "")
    what = "no census can be taken" if probe == "census" else f"no hook of {probe} works here"
    return f"{what}: {outcomes(str(evidence.get('refused', '')))}"


def _no_proc(evidence: RefusalEvidence) -> str:
    number = _strerror(evidence.get("errno"))
    return f"/proc cannot be read: {number}" if number else "/proc is not mounted: it lists no process"


_FOUND: dict[str, Callable[[RefusalEvidence], str]] = {
    "privileges": _who,
    "tracefs": _tracefs,
    "btf": _btf,
    "lockdown": _lockdown,
    "bcc": _bcc,
}

REFUSALS: dict[str, RefusalEntry] = {
    "privileges": RefusalEntry(lambda evidence: f"privileges: {_who(evidence)}", _rights),
    "tracefs": RefusalEntry(lambda evidence: f"tracefs: {_tracefs(evidence)}", _tracepoints),
    "lockdown": RefusalEntry(lambda evidence: f"lockdown: {_lockdown(evidence)}", _UNLOCKED),
    "btf": RefusalEntry(
        lambda evidence: f"BTF: {_btf(evidence)}",
        "a kernel with CONFIG_DEBUG_INFO_BTF=y (Debian, Ubuntu, Fedora, Arch have it)",
    ),
    "bcc": RefusalEntry(_bcc, _install),
    "programs": RefusalEntry(
        lambda evidence: f"the BPF programs do not compile or load here: {evidence.get('said', '')}",
        lambda evidence: (
            _more_rights(evidence) or "please report this message together with the output of epolltop doctor"
        ),
    ),
    "perf_buffer": RefusalEntry(_perf_buffer, lambda evidence: _more_rights(evidence) or _ONLY_PROC),
    "no_hook": RefusalEntry(
        _no_hook,
        lambda evidence: (
            _tracepoints(evidence) if "tracefs" in evidence else f"another hook (--attach), or {_ONLY_PROC}"
        ),
    ),
    "no_compat": RefusalEntry(
        lambda evidence: f"no probe sees 32-bit tasks: {evidence.get('hook', '')}: {_strerror(evidence.get('errno'))}",
        f"leave out --compat, or {_ONLY_PROC}",
    ),
    "architecture": RefusalEntry(
        lambda evidence: f"the BPF probes are not written for {evidence.get('machine', '')}", _ONLY_PROC
    ),
    "kernel_layout": RefusalEntry(
        lambda evidence: f"this kernel has another layout: {evidence.get('said', '')}", _ONLY_PROC
    ),
    "foreign_proc": RefusalEntry(
        "/proc does not show epolltop itself", f"mount the /proc of its PID namespace: {_MOUNT_PROC}"
    ),
    "time_namespace": RefusalEntry(
        "epolltop is in a time namespace whose boot clock is shifted",
        "run it in the machine's own: nsenter --time --target 1 epolltop",
    ),
    "no_proc": RefusalEntry(_no_proc, _MOUNT_PROC),
}
