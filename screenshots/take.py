"""Makes all pictures again, from a real run: .venv/bin/python screenshots/take.py (root; rsvg-convert for the PNGs).

The probes, the kernel and the programs on the pictures are real; only the terminal is Textual's headless one.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from epolltop.model.world import Selection
from epolltop.output.export import self_contained
from epolltop.query.view import PROCESSES, View
from epolltop.session import Session
from epolltop.sources.choose import open_source
from epolltop.ui.app import EpolltopApp

HERE = Path(__file__).parent

LEAK = "import select,time\nkept=[]\nwhile True: kept.append(select.epoll()); time.sleep(0.3)"
CHURN = "import select,time\nwhile True:\n e=select.epoll(); time.sleep(0.02); e.close()"
ASYNC = "import asyncio\nasyncio.run(asyncio.sleep(3600))"
NODE = "setInterval(() => {}, 1000)"

PICTURES = (
    ("live-120x36", (120, 36), ()),
    ("live-80x24", (80, 24), ()),
    ("paused-100x30", (100, 30), ("slash", *"new/s>2", "enter", "space", "tab", "tab", "down", "down")),
    ("help-100x36", (100, 36), ("question_mark",)),
)


@contextlib.contextmanager
def programs() -> Iterator[frozenset[int]]:
    """What there is to see: a leak, a churn, and two quiet loops."""
    python = "/usr/bin/python3"
    commands = [[python, "-c", LEAK], [python, "-c", CHURN], [python, "-c", ASYNC]]
    if shutil.which("node"):
        commands.append(["node", "-e", NODE])
    if shutil.which("redis-server"):
        commands.append(["redis-server", "--port", "0", "--save", "", "--daemonize", "no"])
    running = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        yield frozenset(process.pid for process in running)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


async def picture(pids: frozenset[int], size: tuple[int, int], keys: tuple[str, ...]) -> str:
    """One picture as SVG: five seconds of observing, then the keys, then the screen."""
    # Only these programs: what else runs on the machine is nobody's business.
    session = Session(lambda: open_source("bpf", include_self=False), Selection(pids), 0.5)
    app = EpolltopApp(session, View(PROCESSES, sort="create_per_s"), "", lambda snapshot, shown: HERE)
    try:
        async with app.run_test(size=size) as pilot:
            until = time.monotonic() + 5
            while time.monotonic() < until:
                await pilot.pause(0.25)
            await pilot.press(*keys)
            await pilot.pause(0.5)
            return self_contained(app.export_screenshot())
    finally:
        session.close()


def main(names: list[str]) -> None:
    """All pictures, or those named."""
    with programs() as pids:
        for name, size, keys in PICTURES:
            if names and name not in names:
                continue
            path = HERE / f"{name}.svg"
            path.write_text(asyncio.run(picture(pids, size, keys)), encoding="utf-8")
            if shutil.which("rsvg-convert"):
                subprocess.run(["rsvg-convert", "-z", "1.2", "-o", path.with_suffix(".png"), path], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
