"""What all measures share: how quick to be, the programs that are traced, and how epolltop is started."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import resource
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.table import Unmeasurable
from bench.terminal import pinned

HERE = Path(__file__).parent
WORKLOAD_CPU, TOOL_CPU = 0, 1
_HELD_BESIDES = 64
"""Descriptors that a holder has besides its instances, at most."""


@dataclass
class Lab:
    """One run of the benchmark."""

    quick: bool
    directory: Path
    """For what is made on the way; goes with the run."""

    @functools.cached_property
    def epolltop(self) -> list[str]:
        """How epolltop is started: as installed beside this interpreter.

        Raises:
            Unmeasurable: it is not installed.
        """
        script = Path(sys.executable).with_name("epolltop")
        if not script.exists():
            raise Unmeasurable(f"epolltop is not installed at {script}")
        return [str(script)]

    @functools.cached_property
    def live(self) -> list[str]:
        """The live screen, which must not fall back to /proc."""
        return [*self.epolltop, "--source", "bpf"]

    @functools.cached_property
    def loops(self) -> list[str]:
        """The traced program: compiled, or in Python where there is no compiler."""
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler:
            program = self.directory / "loops"
            # With frame pointers, so that there are stacks to be taken.
            command = [
                compiler,
                "-O2",
                "-pthread",
                "-fno-omit-frame-pointer",
                "-o",
                str(program),
                str(HERE / "loops.c"),
            ]
            built = subprocess.run(command, check=False, capture_output=True)
            if built.returncode == 0:
                return [str(program)]
        return [sys.executable, str(HERE / "loops.py")]

    @property
    def workload(self) -> str:
        """Which of the two the traced program is."""
        return "C" if len(self.loops) == 1 else "Python with ctypes (no C compiler)"

    @functools.cached_property
    def hooks(self) -> dict[str, str]:
        """What epolltop's probes are attached to here, by probe; those that trace nothing are left out.

        Raises:
            Unmeasurable: they cannot be attached.
        """
        probes = self.snapshot()["source"]["probes"]
        return {probe["name"]: probe["attached_to"] for probe in probes if probe["traces"]}

    @property
    def probes(self) -> str:
        """The same in a line."""
        return "; ".join(f"{name} by {hook}" for name, hook in self.hooks.items())

    def snapshot(self) -> dict[str, Any]:
        """What epolltop sees now.

        Raises:
            Unmeasurable: its probes cannot be attached.
        """
        command = [*self.epolltop, "snapshot", "-d", "0", "--source", "bpf"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Unmeasurable(done.stderr.strip() or f"epolltop snapshot ended with {done.returncode}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def inside(self, step: str, *arguments: str, timeout_s: float = 120.0) -> dict[str, float]:
        """Runs a measure that needs epolltop's insides, in a process of its own.

        Raises:
            Unmeasurable: it failed.
        """
        command = [sys.executable, "-m", f"bench.{step}", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=HERE.parent, timeout=timeout_s)
        if done.returncode:
            raise Unmeasurable(done.stderr.strip().splitlines()[-1] if done.stderr else f"{step} failed")
        answer: dict[str, float] = json.loads(done.stdout)
        return answer

    @contextlib.contextmanager
    def running(self, *arguments: str, count: int = 1, cpu: int | None = None) -> Iterator[list[Traced]]:
        """Traced programs that live until the end of the block.

        Raises:
            Unmeasurable: one of them could not start.
        """
        programs: list[Traced] = []
        try:
            for _ in range(count):
                programs.append(Traced(pinned([*self.loops, *arguments], cpu)))
            yield programs
        finally:
            for program in programs:
                program.end()
            for program in programs:
                program.wait()

    @contextlib.contextmanager
    def fleet(self, processes: int, each: int, waits_per_s: int = 0) -> Iterator[list[int]]:
        """Pids of processes that hold so many instances each, and of which each makes so many waits.

        Raises:
            Unmeasurable: the limits of this machine do not allow it.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = each + _HELD_BESIDES
        if wanted > soft:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
            except (OSError, ValueError) as error:
                raise Unmeasurable(f"{each} descriptors a process: {error}") from None
        arguments = ("loops", str(each), str(waits_per_s)) if waits_per_s else ("hold", str(each))
        try:
            with self.running(*arguments, count=processes) as programs:
                for program in programs:
                    program.line(60.0)
                yield [program.pid for program in programs]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Traced:
    """One traced program: lives until its stdin ends, says a line when it has done its work."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @property
    def pid(self) -> int:
        """Of the program itself: taskset becomes what it starts."""
        return self._process.pid

    def done(self) -> bool:
        """Whether it has said its line."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def line(self, timeout_s: float) -> str:
        """What it says.

        Raises:
            Unmeasurable: nothing, in time.
        """
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout_s)[0]:
            raise Unmeasurable(f"the traced program said nothing within {timeout_s:g} s")
        said = self._process.stdout.readline().decode().strip()
        if not said:
            raise Unmeasurable("the traced program failed")
        return said

    def ask(self, word: str) -> None:
        """Gives it a line to read."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()

    def end(self) -> None:
        """Ends it, in a storm too."""
        self._process.terminate()

    def wait(self) -> None:
        """Until it is gone."""
        self._process.communicate()


def others() -> list[str]:
    """Processes that have BPF programs attached already: what is measured as bare is not bare beside them."""
    found = []
    for pid in (name for name in os.listdir("/proc") if name.isdecimal()):
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == "anon_inode:bpf-prog":
                    found.append(f"{Path(f'/proc/{pid}/comm').read_text().strip()} ({pid})")
                    break
    return found


def machine(lab: Lab) -> str:
    """Where and when: kernel, CPUs, load."""
    uname = os.uname()
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    load = " ".join(f"{each:.2f}" for each in os.getloadavg())
    when = time.strftime("%Y-%m-%d %H:%M %Z")
    cpus = f"{os.cpu_count()} CPUs, {models[0]}" if models else f"{os.cpu_count()} CPUs"
    return f"Linux {uname.release} {uname.machine}, {cpus}, {when}, load {load}; traced program in {lab.workload}"
