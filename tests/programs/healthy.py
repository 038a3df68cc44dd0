"""Healthy servers, each with a moderate load of its own: `python -m tests.programs.healthy [--without NAME ...]`.

It prints one line of JSON when all are under load: `running`, the pids of each server by name, and `missing`, why
others are not there. It ends, and all that it started with it, when its stdin is closed or a load fails.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, TypeAlias

from . import fleet, more_servers
from .clients import LINE, Talk, busy, load
from .fleet import WORKLOADS, NotInstalled, Program, which
from .stopping import threads

RELOAD_S = 8.0
CALM_S = 0.02

Over: TypeAlias = threading.Event
Load: TypeAlias = Callable[[Program, Over], object]
"""Until it is over."""


class Served(NamedTuple):
    """A server and its clients."""

    start: Callable[[Path, Mapping[str, Program]], Program]
    """In a directory, beside those that were started before."""
    loads: tuple[Load, ...] = ()


def again(*words: str, pause_s: float = 0.5) -> Load:
    """A client that is started again when it has ended.

    Args:
        words: the command; it may name `{at}`, where the server is, and `{directory}`.
        pause_s: before it is started again.
    """

    def run(program: Program, over: Over) -> None:
        name, *rest = (word.format(at=program.address, directory=program.directory) for word in words)
        command = [which(name), *rest]
        while not over.is_set():
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as client:
                _, complaint = client.communicate()
            if client.returncode and not over.is_set():
                raise subprocess.CalledProcessError(client.returncode, command, stderr=complaint)
            over.wait(pause_s)

    return run


def wrk(connections: int, *words: str) -> Load:
    """About 33 requests a second on each connection."""
    paced = ("-s", str(WORKLOADS / "paced.lua"), "-d", "2h", "-t", "1", "-c", str(connections))
    return again("wrk", *paced, *words, "http://127.0.0.1:{at}/")


def redis_benchmark(*words: str) -> Load:
    return again("redis-benchmark", "-s", "{at}", "-q", "-t", "get,set", *words)


def talk(what: Talk) -> Load:
    """As many connections as clients.py has: kept, or one for each question."""

    def run(program: Program, over: Over) -> None:
        if what.is_kept_alive:
            with busy(program.address, what, CALM_S):
                over.wait()
        while not over.wait(CALM_S * 5):
            load(program.address, what, 1)

    return run


def reload(program: Program, over: Over) -> None:
    """nginx starts workers anew, and ends those that it has when they have no request."""
    while not over.wait(RELOAD_S):
        os.kill(program.pid, signal.SIGHUP)


def create_files(program: Program, over: Over) -> None:
    """In a directory that is watched."""
    while not over.wait(CALM_S):
        path = program.directory / "watched" / "another file"
        path.touch()
        path.unlink()


def _busy_polling(directory: Path, _: object) -> Program:
    """It takes only what others leave of the machine."""
    program = fleet.haproxy(directory, tune="busy-polling")
    for tid in threads(program.pids):
        os.setpriority(os.PRIO_PROCESS, tid, 19)
    return program


def _before_nginx(directory: Path, beside: Mapping[str, Program]) -> Program:
    if "nginx" not in beside:
        raise NotInstalled("nginx is not installed")
    return fleet.haproxy(directory, serve=f"server nginx 127.0.0.1:{beside['nginx'].address}")


def _by_itself(start: Callable[[Path], Program], *loads: Load) -> Served:
    return Served(lambda directory, _: start(directory), loads)


def _gunicorn(worker: str) -> Served:
    return _by_itself(lambda directory: more_servers.gunicorn(directory, worker=worker), wrk(4))


_PGBENCH = ("pgbench", "-h", "{directory}", "-U", "postgres")
_DBUS = ("dbus-send", "--bus=unix:path={at}", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus")
_KEY = Talk(b"get a\r\n", b"END\r\n")

HEALTHY: Mapping[str, Served] = {
    "nginx": _by_itself(fleet.nginx, wrk(8), wrk(2, "-H", "Connection: close"), reload),
    "redis": _by_itself(
        fleet.redis,
        redis_benchmark("-n", "3000", "-c", "20"),
        redis_benchmark("-n", "10000", "-c", "10", "-P", "16"),
        redis_benchmark("-n", "3000", "-c", "1"),
    ),
    "redis, idle": _by_itself(fleet.redis),
    "memcached": _by_itself(lambda directory: fleet.memcached(directory, threads=4), talk(_KEY)),
    "haproxy": Served(_before_nginx, (wrk(4),)),
    "haproxy, busy-polling": Served(_busy_polling, (wrk(2),)),
    "node": _by_itself(fleet.node, wrk(4)),
    "node, cluster": _by_itself(lambda directory: fleet.node(directory, script="node_cluster.js"), wrk(6)),
    "asyncio": _by_itself(fleet.asyncio_service, talk(LINE._replace(is_kept_alive=False))),
    "asyncio, starts programs": _by_itself(more_servers.asyncio_parent),
    "uvloop": _by_itself(fleet.uvloop_service, talk(LINE)),
    "gunicorn, gthread": _gunicorn("gthread"),
    "gunicorn, gevent": _gunicorn("gevent"),
    "uwsgi": _by_itself(more_servers.uwsgi, wrk(2)),
    "caddy": _by_itself(fleet.caddy, wrk(4), again("curl", "-sS", "http://127.0.0.1:{at}/", pause_s=0.1)),
    "java.nio": _by_itself(fleet.java_nio, talk(LINE)),
    "netty": _by_itself(more_servers.netty, talk(LINE)),
    "postgres": _by_itself(
        more_servers.postgres,
        again(*_PGBENCH, "-i", "-q", "postgres", pause_s=15),
        again(*_PGBENCH, "-n", "-f", str(WORKLOADS / "paced.sql"), "-R", "100", "-c", "4", "-T", "7200", "postgres"),
    ),
    "postgres, idle": _by_itself(more_servers.postgres, again("psql", "-h", "{directory}", "-U", "postgres")),
    "dbus": _by_itself(more_servers.dbus, again(*_DBUS, "org.freedesktop.DBus.ListNames", pause_s=0.1)),
    "inotify": _by_itself(fleet.inotify, create_files),
}


class Mix:
    """All of them together."""

    def __init__(self, stack: ExitStack, without: frozenset[str] = frozenset()) -> None:
        """Starts them.

        Args:
            stack: ends them.
            without: names of servers that are not started.
        """
        self.running: dict[str, Program] = {}
        self.missing: dict[str, str] = {}
        self.failed: list[BaseException] = []
        self.over = threading.Event()
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="healthy-")))
        directory.chmod(0o755)  # not all servers run as root
        self._working: list[threading.Thread] = []
        for number, (name, served) in enumerate(HEALTHY.items()):
            if name in without:
                continue
            own = directory / str(number)
            own.mkdir()
            try:
                program = served.start(own, self.running)
            except NotInstalled as error:
                self.missing[name] = str(error)
                continue
            stack.callback(program.end)
            self.running[name] = program
            self._working += [
                threading.Thread(target=self._work, args=(each, program), daemon=True) for each in served.loads
            ]
        for each in self._working:
            each.start()
        stack.callback(self._end_clients)

    def _end_clients(self) -> None:
        """Before their servers: they would connect to them again and again. All are of this process's group."""
        self.over.set()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        for each in self._working:
            each.join(5)

    def _work(self, load_it: Load, program: Program) -> None:
        try:
            load_it(program, self.over)
        except NotInstalled as error:
            sys.stderr.write(f"left out: {error}\n")
        except BaseException as error:
            if not self.over.is_set():
                self.failed.append(error)
                self.over.set()


def main() -> None:
    """Runs the mix."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--without", nargs="*", default=[], choices=HEALTHY)
    with ExitStack() as stack:
        mix = Mix(stack, frozenset(parser.parse_args().without))
        told = {"running": {name: sorted(each.pids) for name, each in mix.running.items()}, "missing": mix.missing}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        while not mix.over.is_set() and not select.select([sys.stdin], [], [], 0.2)[0]:
            pass
        failed = list(mix.failed)
    for error in failed:
        sys.stderr.write(f"a load failed: {error!r} {getattr(error, 'stderr', '')}\n")
    sys.exit(bool(failed))


if __name__ == "__main__":
    if os.getpgrp() != os.getpid():  # its first process already, as that of a session
        os.setpgid(0, 0)
    main()
