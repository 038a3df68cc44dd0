"""Functions of runtimes in the stacks of creations: by the perf maps that they write, and by Go's own table."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from epolltop.model.event import Kind
from tests.kernel.observing import Observing, observe
from tests.support.kernel_version import needs_cached_paths
from tests.waiting import eventually

from .fleet import NotInstalled, which

pytestmark = pytest.mark.programs

WORKLOADS = Path(__file__).parent.parent / "workloads"


@pytest.fixture(name="taking", scope="module")
def _taking() -> Iterator[Observing]:
    with observe(stacks=True) as observing:
        yield observing


@contextlib.contextmanager
def _running(directory: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """In a directory of its own: Node writes a log there."""
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()
            Path(f"/tmp/perf-{process.pid}.map").unlink(missing_ok=True)


def _installed(name: str) -> str:
    try:
        return which(name)
    except NotInstalled as error:
        pytest.skip(str(error))


def _named(
    observing: Observing, pid: int, module: str, functions: list[str], write: Callable[[], object] = bool
) -> None:
    """Waits for a stack that has these functions of a module, innermost first; has a map written before each look."""

    def seen(stack: tuple[str, ...]) -> bool:
        made = iter([frame for frame in stack if frame.endswith(f"({module})")])
        return all(any(function in frame for frame in made) for function in functions)

    def found() -> bool:
        write()
        observing.refresh()
        return any(seen(event.stack) for event in observing.events(pid, Kind.CREATE))

    eventually(found)


@needs_cached_paths
def test_javascript_of_node(taking: Observing, tmp_path: Path) -> None:
    script = str(WORKLOADS / "asks_children.js")
    options = ["--perf-basic-prof", "--interpreted-frames-native-stack"]
    with _running(tmp_path, _installed("node"), *options, script) as process:
        _named(taking, process.pid, "perf map", ["spawnSync node:child_process", "askChild ", "handleRequest "])


@needs_cached_paths
def test_java(taking: Observing, tmp_path: Path) -> None:
    java, jcmd = _installed("java"), _installed("jcmd")
    options = ["-Xmx64m", "-XX:TieredStopAtLevel=1", "-XX:+PreserveFramePointer"]
    with _running(tmp_path, java, *options, str(WORKLOADS / "OpensSelectors.java")) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"warm\n"
        command = [jcmd, str(process.pid), "Compiler.perfmap"]
        if b"Unknown" in subprocess.run(command, capture_output=True, check=False).stdout:
            pytest.skip("this Java writes no perf map on demand")

        def write() -> None:
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)

        _named(taking, process.pid, "perf map", ["OpensSelectors.handle()"], write)


def test_go_without_a_symbol_table(taking: Observing, tmp_path: Path) -> None:
    with _running(tmp_path, _installed("caddy"), "run") as process:
        _named(taking, process.pid, "caddy", ["runtime.netpollGenericInit+", "os.OpenFile+", "runtime.main+"])
