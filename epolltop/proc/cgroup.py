"""/proc/PID/cgroup: a control group's path, and the container that runs in it.

The kernel knows no containers. Each runtime writes its name for one into the name of a control group; `_RUNTIMES`
recognises those names. Processes that only look after a container (conmon, LXC's monitor, nspawn's supervisor)
have groups of their own, whose names resemble the container's; they are not in it.

Paths are relative to the reader's cgroup namespace. An epolltop in a container mostly has one of its own: it sees its
container's processes at ``/``, which names no container, and those of other containers, if any, at ``/../NAME``.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from epolltop.proc.reading import head
from epolltop.text.safe import safe

_BYTES = 1 << 16
"""A path of 4,096 for each of the 13 hierarchies of v1."""
_ID = "[0-9a-f]{64}"
_RUNTIMES = (
    rf"docker-(?P<docker>{_ID})\.scope",
    # Kubernetes' runtime interface, and nerdctl.
    rf"(?:cri-containerd|nerdctl)-(?P<containerd>{_ID})\.scope",
    # A path for systemd (slice:prefix:name) taken by a runtime that makes groups itself.
    rf"[^/:]*:[^/:]*:(?P<unparsed>{_ID})",
    rf"crio-(?P<crio>{_ID})(?:\.scope)?",
    # libpod-payload in a unit of systemd's that runs Podman.
    rf"libpod-(?:payload-)?(?P<podman>{_ID})(?:\.scope)?",
    # Runtimes that make groups themselves: /docker/ID, /kubepods/burstable/podUID/ID, /default/ID.
    rf"(?P<plain>{_ID})",
    r"lxc\.payload\.(?P<lxc>[^/]+)",
    # LXC 3 and Proxmox VE.
    r"lxc(?:\.payload)?/(?P<old_lxc>[^/]+)",
    # Virtual machines have such a group, too.
    r"machine-(?P<nspawn>(?!qemu\\x2d)[^/]+)\.scope(?!/supervisor(?:/|$))",
    r"systemd-nspawn@(?P<nspawn_unit>[^/]+)\.service(?!/supervisor(?:/|$))",
)
"""Whole components of a path, from the runtimes' own sources or from listings of running ones."""
_CONTAINER = re.compile(rf"(?<![^/])(?:{'|'.join(_RUNTIMES)})(?![^/])")


class Cgroup(NamedTuple):
    """The control group of a process."""

    path: str
    """In the v2 hierarchy; if that says nothing (v1, hybrid), in the first of v1 that does. Empty if unreadable."""
    container: str | None
    """The innermost container's full id, or its name for LXC and systemd-nspawn; None if no group is a container's."""


def read_cgroup(root: str, pid: int) -> Cgroup:
    """The control group of a process; its path is empty if the process is gone or closed to us."""
    return cgroup(head(f"{root}/{pid}/cgroup", _BYTES))


@functools.lru_cache(maxsize=1024)
def cgroup(lines: bytes) -> Cgroup:
    """Parses the lines of the file. Processes of one container have the same lines, so they are parsed once."""
    rows = [row for row in (line.split(b":", 2) for line in lines.split(b"\n")) if len(row) == 3]
    paths = [safe(path) for _, _, path in sorted(rows, key=lambda row: row[0] != b"0")]
    path = next((path for path in paths if path != "/"), "/" if paths else "")
    return Cgroup(path, next(filter(None, map(_container, paths)), None))


def _container(path: str) -> str | None:
    names: list[str] = [name for found in _CONTAINER.finditer(path) for name in found.groups() if name]
    return names[-1].replace(r"\x2d", "-") if names else None  # \x2d: a hyphen in the name of a systemd unit
