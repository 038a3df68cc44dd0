"""Stacks of late loops of runtimes: the handler that computes or is blocked in a call, by the script's own names."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from epolltop.model.late_look import Doing, LateLook
from epolltop.model.limits import LATE_UNSEEN
from tests.kernel.late_programs import PROGRAM, late, seen
from tests.kernel.observing import Observing, observe
from tests.support.kernel_version import needs_cached_paths

from .fleet import NotInstalled, which

pytestmark = [pytest.mark.programs, pytest.mark.parametrize("way", ["spin", "read"])]

WORKLOADS = PROGRAM.parent
HANDLERS = ["handleEvent", "serveLoop"]
"""Of each program here, innermost first."""
_PYTHONS = ("python3.14", "python3.13", "python3.12")


@pytest.fixture(name="sampling", scope="module")
def _sampling() -> Iterator[Observing]:
    with observe(late_stacks_ns=20_000_000) as observing:
        source = observing.refresh().source
        if not source.traces("epoll_wait") or any(limit.id == LATE_UNSEEN for limit in source.limits):
            pytest.skip("no late loop is looked at here")
        yield observing


@pytest.fixture(name="fifo")
def _fifo(tmp_path: Path) -> Path:
    """Nobody writes into it."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def installed(name: str) -> str:
    try:
        return which(name)
    except NotInstalled as error:
        pytest.skip(str(error))


def handles(look: LateLook, way: str, module: str) -> bool:
    """Whether it shows the handlers in a module, and what they do."""
    frames = iter([frame for frame in look.stack if frame.endswith(f"({module})")])
    does = look.doing is Doing.BLOCKED and look.call == "read" if way == "read" else look.call is None
    return does and all(any(re.search(rf"\b{name}\b", frame) for frame in frames) for name in HANDLERS)


@pytest.mark.parametrize("flags", ["", "-s -w"], ids=["with symbols", "stripped"])
def test_go(sampling: Observing, way: str, flags: str, tmp_path: Path) -> None:
    program = tmp_path / "handler"
    environment = {**os.environ, "GOCACHE": str(tmp_path / "cache"), "GO111MODULE": "off"}
    build = [installed("go"), "build", "-ldflags", flags, "-o", str(program), str(WORKLOADS / "late_handler.go")]
    subprocess.run(build, env=environment, check=True)
    with late(program, way) as pid:
        look = seen(sampling, pid, lambda look: handles(look, way, "handler"))
    assert [frame.partition("+")[0] for frame in look.stack[-2:]] == ["main.main", "runtime.main"]


@needs_cached_paths
def test_node(sampling: Observing, way: str, fifo: Path) -> None:
    """In a directory of its own: Node writes a log there."""
    options = ["--perf-basic-prof", "--interpreted-frames-native-stack"]
    with late(installed("node"), *options, WORKLOADS / "late_handler.js", way, fifo, directory=fifo.parent) as pid:
        try:
            seen(sampling, pid, lambda look: handles(look, way, "perf map"))
        finally:
            Path(f"/tmp/perf-{pid}.map").unlink(missing_ok=True)


@needs_cached_paths
def test_java(sampling: Observing, way: str, fifo: Path) -> None:
    java, jcmd = installed("java"), installed("jcmd")
    options = ["-Xmx64m", "-XX:TieredStopAtLevel=1", "-XX:+PreserveFramePointer"]
    with late(java, *options, WORKLOADS / "LateHandler.java", way, fifo, directory=fifo.parent) as pid:
        command = [jcmd, str(pid), "Compiler.perfmap"]
        if b"Unknown" in subprocess.run(command, capture_output=True, check=False).stdout:
            pytest.skip("this Java writes no perf map on demand")
        try:
            seen(sampling, pid, lambda look: handles(look, way, "perf map"))
        finally:
            Path(f"/tmp/perf-{pid}.map").unlink(missing_ok=True)


@needs_cached_paths
def test_python(sampling: Observing, way: str, tmp_path: Path) -> None:
    """Its own functions show if Python has frame pointers; otherwise those of the interpreter do."""
    python, has_frames = _python()
    with late(python, "-X", "perf", PROGRAM, way, directory=tmp_path) as pid:
        try:
            name = f"py::_{way}:" if has_frames else "_PyEval_EvalFrameDefault+" if way == "spin" else "read+"
            seen(sampling, pid, lambda look: any(frame.startswith(name) for frame in look.stack))
        finally:
            Path(f"/tmp/perf-{pid}.map").unlink(missing_ok=True)


def _python() -> tuple[str, bool]:
    """One that writes perf maps, and whether it was built with frame pointers."""
    ask = "import sysconfig as it; print(it.get_config_var('PY_HAVE_PERF_TRAMPOLINE'), it.get_config_var('CFLAGS'))"
    for name in _PYTHONS:
        try:
            python = which(name)
        except NotInstalled:
            continue
        told = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False).stdout
        if told.startswith("1 "):
            return python, "-fno-omit-frame-pointer" in told
    pytest.skip("no Python here writes a perf map")
