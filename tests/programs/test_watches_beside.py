"""Interest lists of programs beside what lsfd(1) and ss(8) say of the same descriptors."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cli.program import run

from .clients import CONNECTIONS, HTTP, busy
from .fleet import NotInstalled, Program, inotify, nginx, node

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(not (shutil.which("lsfd") and shutil.which("ss")), reason="no lsfd(1) or no ss(8)"),
]

Place = tuple[int, int]
"""A pid and a descriptor number."""
_INET = re.compile(r"(tcp|udp) +(\S+) +\d+ +\d+ +(\S+) +(\S+) .*\bino:(\d+)")
_UNIX = re.compile(r"u_\w+ +(\S+) +\d+ +\d+ +\S.* (\d+) +\S+ (\d+)")
_STATES = {"ESTAB": "ESTABLISHED"}


class Socket(NamedTuple):
    """As ss tells it."""

    state: str
    local: str = ""
    remote: str = ""
    peer: int = 0
    """Inode, of a Unix socket."""


class Tools(NamedTuple):
    """What both say at a moment."""

    files: Mapping[Place, Mapping[str, Any]]
    """By lsfd."""
    sockets: Mapping[int, Socket]
    """By inode, by ss."""

    def kind(self, place: Place) -> str:
        """By the word of epolltop."""
        file = self.files[place]
        if file["type"] == "SOCK":
            return str(file["protoname"]).lower().partition("-")[0].removesuffix("v6")
        if file["name"].startswith("pipe:"):
            return "pipe"
        return str(file["name"]).removeprefix("anon_inode:").strip("[]")

    def other_inode(self, place: Place) -> int:
        """Of the other end."""
        inode = int(self.files[place]["inode"])
        return inode if self.kind(place) == "pipe" else self.sockets[inode].peer

    def said(self, place: Place) -> tuple[object, ...]:
        """Kind, inode, and what kinds have besides."""
        kind, inode = self.kind(place), int(self.files[place]["inode"])
        if kind == "tcp":
            socket = self.sockets[inode]
            return kind, inode, _STATES.get(socket.state, socket.state), socket.local, socket.remote
        return (kind, inode, self.other_inode(place)) if kind in ("pipe", "unix") else (kind,)


def _tools() -> Tools:
    columns = ("-o", "PID,ASSOC,TYPE,INODE,PROTONAME,NAME")
    printed = subprocess.run(["lsfd", "-J", *columns], capture_output=True, text=True, check=True).stdout
    rows = json.loads(printed)["lsfd"]
    files = {(int(row["pid"]), int(row["assoc"])): row for row in rows if str(row["assoc"]).isdigit()}
    sockets: dict[int, Socket] = {}
    for line in subprocess.run(["ss", "-Htuxane"], capture_output=True, text=True, check=True).stdout.splitlines():
        if inet := _INET.match(line):
            remote = "" if inet[4].endswith(":*") else inet[4]
            sockets[int(inet[5])] = Socket(inet[2], inet[3], remote)
        elif unix := _UNIX.match(line):
            sockets[int(unix[2])] = Socket(unix[1], peer=int(unix[3]))
    return Tools(files, sockets)


def _ours(watch: Mapping[str, Any], tools: Tools) -> tuple[object, ...]:
    """The same of a watch; the other end by the descriptor that it names."""
    kind, details = watch["kind"], watch["details"]
    if kind == "tcp":
        local, *remote = re.split(" [←→↔] ", watch["target"])
        return kind, details["inode"], details["state"], local, "".join(remote)
    if kind in ("pipe", "unix"):
        other = tools.files.get((details.get("other_pid", 0), details.get("other_fd", -1)), {"inode": 0})
        return kind, details["inode"], int(other["inode"])
    return (kind,)


def _lists(pids: Collection[int]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Watches by their descriptors."""
    done = run("snapshot", "-d", "0", "--watches", *(word for pid in pids for word in ("-p", str(pid))))
    assert done.returncode == 0, done.stderr
    for process in json.loads(done.stdout)["processes"]:
        for instance in process["instances"]:
            assert instance["interest"] is not None
            for watch in instance["interest"]:
                yield (process["pid"], watch["fd"]), watch


@pytest.mark.parametrize(
    ("start", "kinds", "connections"),
    [(nginx, {"tcp", "unix"}, CONNECTIONS), (node, {"tcp", "eventfd"}, CONNECTIONS), (inotify, {"inotify"}, 0)],
    ids=["busy nginx", "busy node", "watcher of a directory"],
)
def test_each_target_is_what_others_say(
    start: Callable[[Path], Program], kinds: set[str], connections: int, tmp_path: Path, compare: Callable[..., None]
) -> None:
    try:
        program = start(tmp_path)
    except NotInstalled as error:
        pytest.skip(str(error))
    try:
        with busy(program.address, HTTP) if connections else contextlib.nullcontext():
            before = _tools()
            lists = list(_lists(program.pids))
            after = _tools()
    finally:
        program.end()
    stay = {place for place, file in before.files.items() if after.files.get(place) == file}
    told = [(place, watch) for place, watch in lists if place in stay]
    assert {watch["kind"] for _, watch in told} >= kinds
    accepted = [watch for _, watch in told if watch["details"].get("state") == "ESTABLISHED"]
    assert len(accepted) == connections
    assert all(" ← " in watch["target"] for watch in accepted)
    assert [(place, _ours(watch, after)) for place, watch in told] == [(place, after.said(place)) for place, _ in told]
    compare(start.__name__, "targets", len(told), len(lists), "lsfd, ss")
