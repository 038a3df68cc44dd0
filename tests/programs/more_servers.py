"""Servers whose findings are looked at; not every machine has them all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .fleet import WORKLOADS, NotInstalled, Program, ask, free_port, get, which

_POSTGRESQL = Path("/usr/lib/postgresql")
_NETTY = ("common", "buffer", "resolver", "transport")
_JARS = "EPOLLTOP_NETTY"
"""A folder with Netty's jars, if they are not where Debian has them."""


def postgres(directory: Path) -> Program:
    """Whose superuser is that of the system, which is not root."""
    user, path = "postgres", directory / "data"
    try:
        shutil.chown(directory, user)
    except LookupError:
        raise NotInstalled("there is no user postgres") from None
    as_user = [which("setpriv"), "--reuid", user, "--regid", user, "--clear-groups"]
    initialise = [*as_user, which("initdb", _postgres_path()), "-D", str(path), "-A", "trust", "-N"]
    subprocess.run(initialise, cwd=directory, stdout=subprocess.DEVNULL, check=True)
    command = [*as_user, which("postgres", _postgres_path()), "-D", str(path), "-k", str(directory), "-h", ""]
    ask_it = [which("psql"), "-h", str(directory), "-U", user, "-c", "select 1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return Program(
        command,
        directory,
        lambda: subprocess.run(ask_it, **quiet, check=False).returncode == 0,  # type: ignore[call-overload]
        directory,
    )


def _postgres_path() -> str:
    return os.pathsep.join(["/usr/local/bin", *(str(each / "bin") for each in sorted(_POSTGRESQL.glob("*")))])


def gunicorn(directory: Path, *, worker: str) -> Program:
    """Prefork: two workers at one listener.

    Args:
        directory: in which it runs.
        worker: the kind, but `sync`, which waits with select(2) and has no instance.
    """
    port, command = free_port(), which("gunicorn")
    python = Path(command).read_text(encoding="utf-8").splitlines()[0].removeprefix("#!").split()
    if (
        worker == "gevent"
        and subprocess.run([*python, "-c", "import gunicorn.workers.ggevent"], stderr=-3, check=False).returncode
    ):
        raise NotInstalled("gevent is not installed")
    bound = ["-k", worker, "-w", "2", "--threads", "2", "-b", f"127.0.0.1:{port}"]
    return Program([command, *bound, "--chdir", str(WORKLOADS), "wsgi_service"], directory, lambda: _ok(port), port)


def uwsgi(directory: Path) -> Program:
    port = free_port()
    where = ["--http-socket", f"127.0.0.1:{port}", "--wsgi-file", str(WORKLOADS / "wsgi_service.py")]
    command = [which("uwsgi"), *where, "--master", "--processes", "2", "--need-app", "--die-on-term"]
    return Program(command, directory, lambda: _ok(port), port)


def netty(directory: Path) -> Program:
    folder, port = Path(os.environ.get(_JARS, "/usr/share/java")), free_port()
    jars = [folder / f"netty-{each}.jar" for each in _NETTY]
    if not all(each.exists() for each in jars):
        raise NotInstalled("Netty is not installed")
    options = ["-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp", os.pathsep.join(map(str, jars))]
    command = [which("java"), *options, str(WORKLOADS / "NettyService.java"), str(port)]
    return Program(command, directory, lambda: ask(port, b"hello\n") == b"hello\n", port)


def dbus(directory: Path) -> Program:
    path = directory / "bus"
    command = [which("dbus-daemon"), "--session", "--nofork", "--nopidfile", f"--address=unix:path={path}"]
    return Program(command, directory, path.exists, path)


def asyncio_parent(directory: Path) -> Program:
    """It starts programs."""
    command = [sys.executable, "-I", str(WORKLOADS / "asyncio_parent.py")]
    return Program(command, directory, lambda: "hello" in (directory / "log").read_text())


def _ok(port: int) -> bool:
    return get(port) == b"ok"
