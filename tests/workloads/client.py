"""Runs workloads and talks to them."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

ACTOR = Path(__file__).with_name("actor.py")
_PATIENCE_S = 40.0


class Actor:
    """A process that takes steps (tests/workloads/actor.py): `actor.do("create1", flags=0)`."""

    def __init__(self, *, through: Sequence[str] = ()) -> None:
        """Starts it.

        Args:
            through: a command that runs the rest of its arguments, such as unshare.
        """
        self._process = subprocess.Popen(
            [*through, sys.executable, "-I", str(ACTOR)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pid: int = self._process.pid
        self.greeting = self.answer()

    def do(self, step: str, **arguments: Any) -> dict[str, Any]:
        """Takes one step; what it answers."""
        self.begin(step, **arguments)
        return self.answer()

    def begin(self, step: str, **arguments: Any) -> None:
        """Starts a step, to be followed by `answer`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([step, arguments]).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Of the step that was begun."""
        poll = select.poll()
        poll.register(self._answers(), select.POLLIN)
        assert poll.poll(_PATIENCE_S * 1000), "the workload does not answer"
        line = self._answers().readline()
        assert line, f"the workload ended with {self._process.wait()}"
        reply: dict[str, Any] = json.loads(line)
        assert not reply.get("failed"), reply["failed"]
        return reply

    def answered(self) -> bool:
        """Whether the step that was begun is done."""
        poll = select.poll()
        poll.register(self._answers(), select.POLLIN)
        return bool(poll.poll(0))

    def create(self, flags: int = 0) -> int:
        """An instance; its descriptor."""
        fd: int = self.do("create1", flags=flags)["fd"]
        return fd

    def child(self, pid: int, step: str, **arguments: Any) -> dict[str, Any]:
        """Has a forked child take a step."""
        reply = self.do("child", pid=pid, its=[step, arguments])
        assert not reply.get("failed"), reply["failed"]
        return reply

    def kill(self) -> None:
        """SIGKILL, and waits."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Lets it end by itself; kills it if it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.returncode is None:
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        self._answers().close()

    def _answers(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def __enter__(self) -> Actor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
