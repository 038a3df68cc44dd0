"""Real programs, each started with files and a port of its own, and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.kernel.reference_census import family, reference_census
from tests.waiting import eventually

WORKLOADS = Path(__file__).parents[1] / "workloads"
_SYSTEM = "/usr/bin:/bin"


class Program:
    """One that runs in a directory of its own."""

    def __init__(
        self, command: Sequence[str], directory: Path, ready: Callable[[], object], address: int | Path | None = None
    ) -> None:
        """Starts it, and waits until it serves and its epoll instances stand still.

        Args:
            command: what is started.
            directory: in which it runs.
            ready: whether it serves; an OSError is a no.
            address: where it serves, if it does: a TCP port of 127.0.0.1, or a Unix socket.
        """
        self.directory, self.address = directory, address
        self.log = directory / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.pid = self._process.pid
        try:
            eventually(lambda: self._is_ready(ready), 20)
            seen = [reference_census(self.pids)]

            def settled() -> bool:
                seen.append(reference_census(self.pids))
                return bool(seen[-1]) and len(seen) > 20 and len(set(seen[-20:])) == 1

            eventually(settled, 10)
        except BaseException:
            self.end()
            raise

    @property
    def pids(self) -> frozenset[int]:
        """Of the program and all that it started."""
        return family(self.pid)

    def end(self) -> None:
        """SIGTERM, then SIGKILL for whoever is left of its session."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def _is_ready(self, ready: Callable[[], object]) -> bool:
        assert self._process.poll() is None, f"it ended: {self.log.read_text(errors='replace')}"
        with contextlib.suppress(OSError):
            return bool(ready())
        return False


def nginx(directory: Path) -> Program:
    port = free_port()
    (directory / "nginx.conf").write_text(
        f"""
        daemon off; master_process on; worker_processes 2; user root; pid {directory}/pid; error_log {directory}/error;
        events {{ use epoll; worker_connections 64; }}
        http {{
            access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            server {{ listen 127.0.0.1:{port}; return 200 "ok"; }}
        }}
        """
    )
    command = [which("nginx"), "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", str(directory / "e")]
    return Program(command, directory, lambda: get(port) == b"ok", port)


def redis(directory: Path) -> Program:
    path = directory / "socket"
    command = [which("redis-server"), "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    return Program(command, directory, lambda: b"PONG" in ask(path, b"PING\r\n"), path)


def memcached(directory: Path, *, threads: int = 3) -> Program:
    port = free_port()
    command = [which("memcached"), "-u", "root", "-l", "127.0.0.1", "-p", str(port), "-t", str(threads), "-U", "0"]
    return Program(command, directory, lambda: b"VERSION" in ask(port, b"version\r\n"), port)


ANSWER = "http-request return status 200 content-type text/plain string ok"


def haproxy(directory: Path, *, tune: str = "", serve: str = ANSWER) -> Program:
    """Its statistics are on the Unix socket `stats`.

    Args:
        directory: in which it runs.
        tune: another line of its section `global`.
        serve: the line that says what is answered, or by which server.
    """
    port = free_port()
    (directory / "haproxy.cfg").write_text(
        f"""
global
    nbthread 2
    maxconn 64
    stats socket {directory}/stats
    {tune}
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
listen here
    bind 127.0.0.1:{port}
    {serve}
"""
    )
    command = [which("haproxy"), "-db", "-f", str(directory / "haproxy.cfg")]
    return Program(command, directory, lambda: get(port) == b"ok", port)


def node(directory: Path, *, script: str = "node_service.js") -> Program:
    port = free_port()
    command = [which("node"), str(WORKLOADS / script), str(port)]
    return Program(command, directory, lambda: get(port) == b"ok", port)


def asyncio_service(directory: Path) -> Program:
    command = [sys.executable, "-I", str(WORKLOADS / "asyncio_service.py")]
    log = directory / "log"
    program = Program(command, directory, lambda: ask(int(log.read_text() or 0), b"hello\n") == b"hello\n")
    program.address = int(log.read_text())
    return program


def clocked_loop(directory: Path) -> Program:
    port = free_port()
    command = [sys.executable, "-I", str(WORKLOADS / "clocked_loop.py"), str(port)]
    return Program(command, directory, lambda: ask(port, b"hello\n") == b"hello\n", port)


def uvloop_service(directory: Path) -> Program:
    """By the distribution's Python, which has the distribution's uvloop."""
    port, python = free_port(), which("python3", _SYSTEM)
    if subprocess.run([python, "-Ic", "import uvloop"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise NotInstalled("uvloop is not installed")
    command = [python, "-I", str(WORKLOADS / "uvloop_service.py"), str(port)]
    return Program(command, directory, lambda: ask(port, b"hello\n") == b"hello\n", port)


def caddy(directory: Path) -> Program:
    """Written in Go, and so a server of several threads on one instance."""
    port = free_port()
    (directory / "Caddyfile").write_text(
        f"""
        {{
            admin off
            auto_https off
            storage file_system {directory}/storage
        }}
        :{port} {{
            bind 127.0.0.1
            respond "ok"
        }}
        """
    )
    run = [which("caddy"), "run", "--adapter", "caddyfile", "--config", str(directory / "Caddyfile")]
    return Program(["env", f"HOME={directory}", *run], directory, lambda: get(port) == b"ok", port)


def java_nio(directory: Path) -> Program:
    port = free_port()
    command = [which("java"), "-Xmx64m", "-XX:TieredStopAtLevel=1", str(WORKLOADS / "NioService.java"), str(port)]
    return Program(command, directory, lambda: ask(port, b"hello\n") == b"hello\n", port)


def inotify(directory: Path) -> Program:
    watched = directory / "watched"
    watched.mkdir()

    def tells() -> bool:
        (watched / "some file").touch()
        (watched / "some file").unlink()
        return "some file" in (directory / "log").read_text()

    return Program([sys.executable, "-I", str(WORKLOADS / "inotify_watch.py"), str(watched)], directory, tells)


PROGRAMS = {
    "nginx": nginx,
    "redis-server": redis,
    "memcached": memcached,
    "haproxy": haproxy,
    "node": node,
    "python asyncio": asyncio_service,
    "python uvloop": uvloop_service,
    "caddy (Go)": caddy,
    "java.nio": java_nio,
    "python inotify": inotify,
}


class NotInstalled(Exception):
    """The message names the program."""


def which(name: str, path: str = "") -> str:
    """Where a program is, also one for administrators.

    Args:
        name: of the program.
        path: where it is looked for; empty: on PATH, and where servers are.

    Raises:
        NotInstalled: nowhere.
    """
    found = shutil.which(name, path=path or os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise NotInstalled(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def get(port: object, path: str = "") -> bytes:
    """What an HTTP server has there."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
        body: bytes = answer.read()
        return body


def ask(where: object, question: bytes) -> bytes:
    """The beginning of the answer of a server.

    Args:
        where: a TCP port of 127.0.0.1, or a Unix socket.
        question: what is sent.
    """
    with connected(where) as client:
        client.sendall(question)
        return client.recv(4096)


def ask_all(where: object, question: bytes) -> str:
    """The whole answer of a server that closes the connection when it has no more questions."""
    with connected(where) as client:
        client.sendall(question)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(1 << 16), b"")).decode(errors="replace")


def connected(where: object) -> socket.socket:
    """A connection, by TCP port of 127.0.0.1 or by Unix socket."""
    client = socket.socket(socket.AF_INET if isinstance(where, int) else socket.AF_UNIX)
    client.settimeout(5)
    client.connect(("127.0.0.1", where) if isinstance(where, int) else str(where))
    return client
