"""Programs in PID namespaces of their own, and control groups named as container runtimes name them.

Needs root. Of what is made here, the rest of the machine sees the processes, and a control group while a test runs.
"""

from __future__ import annotations

import contextlib
import functools
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.workloads.client import Actor

FOREIGN_PROC = ("unshare", "--pid", "--fork", "--kill-child")
"""Runs what follows in a new PID namespace, with the /proc of the one around it."""
OWN_PROC = (*FOREIGN_PROC, "--mount-proc")
"""The same with a /proc of its own, as in a container."""
OWN_USERS = ("unshare", "--user", "--map-root-user", *OWN_PROC[1:])
"""The same without privileges outside, as in a rootless container."""


@functools.cache
def missing(*unshare: str) -> str:
    """Why there are no such namespaces here, PID namespaces unless others are named; empty if there are."""
    try:
        done = subprocess.run([*(unshare or OWN_PROC), "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "no unshare(1) here"
    return done.stderr.strip()


class Contained(Actor):
    """An actor in PID namespaces of its own."""

    def __init__(self, *around: Sequence[str]) -> None:
        """Starts it as the first process of its namespace.

        Args:
            around: what makes its namespaces, the outermost first; one with its own /proc, if nothing is given.
        """
        super().__init__(through=[word for command in around or (OWN_PROC,) for word in command])
        self.outer = self.pid
        """The process that made the outermost namespace, which is not in it."""
        self.pid = last_child(self.outer)
        """As /proc outside shows it."""
        self.ns_pid: int = self.greeting["pid"]
        """As it knows itself."""

    def __enter__(self) -> Contained:
        return self

    def beside(self, *, proc: bool, pids: bool = True) -> list[str]:
        """Runs what follows in its PID namespace, and where its /proc is mounted, or one of both."""
        return ["nsenter", f"--target={self.pid}", *["--mount"] * proc, *["--pid"] * pids, "--"]


def last_child(pid: int) -> int:
    """The last of a row of processes each of which started the next."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        (pid,) = map(int, children)
    return pid


@contextlib.contextmanager
def cgroup(path: str, *pids: int) -> Iterator[None]:
    """Processes in a control group (v2) that is made for them, and removed when they have left it again.

    The hierarchy is mounted where only a process of ours sees it, so that this needs no mount outside.
    """
    with tempfile.TemporaryDirectory() as aside, _mounted_aside("cgroup2", aside) as root:
        made = []
        for directory in [*reversed(Path(path).parents), Path(path)]:
            group = root / directory.relative_to("/")
            if not group.exists():
                group.mkdir()
                made.append(group)
        homes = {pid: Path(f"/proc/{pid}/cgroup").read_text().rpartition("\n0::/")[2].strip() for pid in pids}
        try:
            for pid in pids:
                (group / "cgroup.procs").write_text(str(pid))
            yield
        finally:
            for pid, home in homes.items():
                with contextlib.suppress(ProcessLookupError):
                    (root / home / "cgroup.procs").write_text(str(pid))
            for group in reversed(made):
                group.rmdir()


@contextlib.contextmanager
def _mounted_aside(kind: str, at: str) -> Iterator[Path]:
    """A file system at a place in a mount namespace of its own; how to reach it from here."""
    script = 'mount -t "$1" none "$2" && echo && read -r end'
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", script, "sh", kind, at], stdin=-1, stdout=-1) as holder:
        assert holder.stdout is not None
        if not holder.stdout.readline():
            pytest.skip(f"{kind} cannot be mounted here")
        yield Path(f"/proc/{holder.pid}/root{at}")
