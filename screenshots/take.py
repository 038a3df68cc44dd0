"""Makes all pictures again, from real runs: .venv/bin/python screenshots/take.py [NAME ...] (root).

The probes, the kernel and the programs on the pictures are real; only the terminal is Textual's headless one. PNGs are
made where rsvg-convert is. The programs run as a user of their own, so that only they are on the pictures: what else
runs on the machine is nobody's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from textual.pilot import Pilot

from epolltop.model.process_selection import Selection
from epolltop.output.export import self_contained
from epolltop.query.view import EVENTS, FINDINGS, INSTANCES, LOOPS, PROCESSES
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation
from epolltop.sources.choose import open_source
from epolltop.ui.app import EpolltopApp
from epolltop.ui.exports import Exports
from epolltop.ui.state.navigation import Place, root

HERE = Path(__file__).parent
WATCHER = HERE.parent / "tests" / "workloads" / "inotify_watch.py"
USER = "www-data"
CELL, LETTER = 12.2, 12.0
"""Widths in a picture: of a cell, and of a letter of most monospaced fonts, 0.6 of their size."""

PROGRAMS = {
    "leaking_client.py": """
        kept = []
        while True:
            kept.append(select.epoll())
            time.sleep(0.3)
        """,
    "one_loop_per_request.py": """
        while True:
            epoll = select.epoll()
            time.sleep(0.02)
            epoll.close()
        """,
    "out_of_descriptors.py": """
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
        kept = []
        while True:
            with contextlib.suppress(OSError):
                kept.append(select.epoll())
            time.sleep(0.1)
        """,
    "forked_after_epoll.py": """
        epoll = select.epoll()
        os.fork()
        time.sleep(3600)
        """,
    "late_loop.py": """
        async def compute():
            while True:
                time.sleep(random.choice((0.002, 0.02, 0.3)))
                await asyncio.sleep(0.02)
        asyncio.run(compute())
        """,
    "clients.py": """
        def load(path, question):
            while True:
                with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
                    client.connect(path)
                    for _ in range(50):
                        client.sendall(question)
                        client.recv(4096)
                        time.sleep(random.expovariate(1 / 0.004))
        http = b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
        for path, question in ("nginx", http), ("node", http), ("redis", b"PING\\r\\n"):
            for _ in range(2):
                threading.Thread(target=load, args=(f"made/{path}", question)).start()
        """,
    "pipe_nobody_reads.py": """
        reading, writing = os.pipe()
        os.write(writing, b"x")
        epoll = select.epoll()
        epoll.register(reading)
        while True:
            epoll.poll()
        """,
    "asyncio_service.py": """
        asyncio.run(asyncio.sleep(3600))
        """,
}
IMPORTS = "import asyncio, contextlib, os, random, resource, select, socket, threading, time\n"
NGINX = """
    daemon off; pid made/pid; worker_processes 1; events { use epoll; }
    http { access_log off; client_body_temp_path made/body; proxy_temp_path made/proxy; fastcgi_temp_path made/fastcgi;
           uwsgi_temp_path made/uwsgi; scgi_temp_path made/scgi; server { listen unix:made/nginx; return 200 ok; } }
"""
NODE_SERVER = """
    require("http").createServer((_, answer) => {
        const until = Date.now() + 8 * Math.random();
        while (Date.now() < until);
        answer.end("ok");
    }).listen("made/node")
"""
NODE = "setInterval(() => {}, 1000)"

_OF_LOOPS = ("late_loop.py", "clients.py", "pipe_nobody_reads.py")
BUSY: tuple[tuple[str, ...], ...] = (
    *(("python3", name) for name in PROGRAMS if name not in _OF_LOOPS),
    ("node", "-e", NODE),
    ("redis-server", "--port", "0", "--save", "", "--daemonize", "no", "--dir", "/tmp"),
    ("memcached", "-l", "127.0.0.1", "-p", "0", "-U", "0", "-t", "3"),
)


LOOPING: tuple[tuple[str, ...], ...] = (
    ("nginx", "-p", ".", "-c", "nginx.conf", "-e", "made/errors"),
    ("node", "server.js"),
    ("redis-server", "--port", "0", "--unixsocket", "made/redis", "--save", ""),
    ("memcached", "-s", "made/memcached", "-t", "2"),
    ("python3", "late_loop.py"),
    ("python3", "clients.py"),
)
WRONG: tuple[tuple[str, ...], ...] = (*BUSY, ("python3", "late_loop.py"), ("python3", "pipe_nobody_reads.py"))


@dataclass(frozen=True)
class Picture:
    """One file, and how to come to it."""

    name: str
    size: tuple[int, int] = (120, 36)
    keys: Sequence[str] = ()
    theme: str = "textual-dark"
    start: Place = field(default_factory=lambda: root(PROCESSES))
    programs: tuple[tuple[str, ...], ...] = BUSY
    during: Callable[[Path], None] = lambda directory: None
    """Happens while epolltop watches; the directory is the programs'."""
    seconds: float = 8.0
    """How long the programs run before: growth is known after five, most findings after ten."""


def touch(directory: Path) -> None:
    """Two files come into the directory that is watched."""
    time.sleep(0.5)
    for name in ("first", "second"):
        (directory / "incoming" / name).touch()


PICTURES = (
    Picture("findings-120x36", start=root(FINDINGS), programs=WRONG, seconds=14.0),
    Picture("findings-80x24", (80, 24), start=root(FINDINGS), programs=WRONG, seconds=14.0),
    Picture("processes-120x36"),
    Picture("processes-120x36-light", theme="textual-light"),
    Picture("processes-80x24", (80, 24)),
    Picture("processes-60x15", (60, 15)),
    Picture("processes-250x70", (250, 70)),
    Picture("instances-120x36", start=root(INSTANCES)),
    Picture("instances-120x36-light", start=root(INSTANCES), theme="textual-light"),
    Picture("instances-80x24", (80, 24), start=root(INSTANCES)),
    Picture("instance-120x36", keys=("enter", "end", "enter")),
    Picture("events-120x36", start=root(EVENTS), keys=("down", "down")),
    Picture("events-120x36-light", start=root(EVENTS), keys=("down", "down"), theme="textual-light"),
    Picture("events-80x24", (80, 24), start=root(EVENTS), keys=("down",)),
    Picture("event-raw-120x36", start=root(EVENTS), keys=("down", "v")),
    Picture("loops-160x48", (160, 48), start=root(LOOPS), programs=LOOPING),
    Picture("loops-80x24", (80, 24), start=root(LOOPS), programs=LOOPING),
    Picture("filter-error-100x30", (100, 30), keys=("slash", *"new/s>2 age<5x")),
    Picture("paused-100x30", (100, 30), keys=("left_square_bracket",) * 3),
    Picture("sort-100x30", (100, 30), keys=("s",)),
    Picture("help-100x36", (100, 36), keys=("question_mark",)),
    Picture("manual-100x36", (100, 36), keys=("d",)),
    Picture(
        "directory-120x36",
        start=root(PROCESSES),
        programs=(("python3", "inotify_watch.py", "incoming"),),
        during=touch,
    ),
)


@contextlib.contextmanager
def running(commands: Sequence[Sequence[str]], directory: Path) -> Iterator[None]:
    """Programs of the user of their own; those that are not installed are left out."""
    owner = pwd.getpwnam(USER)
    processes = [
        subprocess.Popen(
            command,
            executable="/usr/bin/python3" if command[0] == "python3" else None,
            cwd=directory,
            user=owner.pw_uid,
            group=owner.pw_gid,
            extra_groups=(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for command in commands
        if shutil.which(command[0])
    ]
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)  # its children, too
        for process in processes:
            process.wait()


async def take(picture: Picture, directory: Path) -> str:
    """One picture as SVG: the programs start while epolltop watches."""
    owner = pwd.getpwnam(USER).pw_uid
    session = Listener(
        Observation(lambda: open_source("bpf", include_self=False), Selection(uids=frozenset({owner}))), 0.5
    )
    nowhere = Exports(lambda *_, **_more: HERE, lambda _: HERE, ())
    app = EpolltopApp(session, picture.start, nowhere)
    app.theme = picture.theme
    try:
        async with app.run_test(size=picture.size) as pilot:
            while app.main_screen.ring.latest is None:
                await pilot.pause(0.05)
            with running(picture.programs, directory):
                await asyncio.to_thread(picture.during, directory)
                await passing(pilot, picture.seconds)
                await pilot.press(*picture.keys)
                await passing(pilot, 0.7)
                return self_contained(app.export_screenshot())
    finally:
        session.close()


async def passing(pilot: Pilot[Exception], seconds: float) -> None:
    """Time, while the screen goes on."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await pilot.pause(0.1)


@functools.cache
def converter() -> str | None:
    """What makes a PNG of an SVG."""
    return shutil.which("rsvg-convert")


def main(names: list[str]) -> None:
    """All pictures, or those named."""
    for picture in PICTURES:
        if names and picture.name not in names:
            continue
        with tempfile.TemporaryDirectory() as made:
            directory = Path(made)
            directory.chmod(0o755)
            (directory / "incoming").mkdir()
            (directory / "nginx.conf").write_text(NGINX, encoding="utf-8")
            (directory / "server.js").write_text(NODE_SERVER, encoding="utf-8")
            (directory / "made").mkdir()
            shutil.chown(directory / "made", USER)
            shutil.copy(WATCHER, directory)
            for name, text in PROGRAMS.items():
                (directory / name).write_text(IMPORTS + textwrap.dedent(text), encoding="utf-8")
            svg = asyncio.run(take(picture, directory))
        path = HERE / f"{picture.name}.svg"
        path.write_text(svg, encoding="utf-8")
        if converter():
            # It knows no textLength: the letters themselves must be as wide as the cells, or coloured ones drift.
            wide = svg.replace("font-size: 20px", f"font-size: {20 * CELL / LETTER:.3f}px").encode()
            command = ["rsvg-convert", "-z", "1.2", "-o", str(path.with_suffix(".png"))]
            subprocess.run(command, input=wide, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
