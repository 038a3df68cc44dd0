"""Processes that open, copy, pass on and close instances as a test tells them to, in Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

PROGRAM = """
import json, os, select, signal, socket, sys
space = dict(globals())
for line in sys.stdin:
    exec(json.loads(line), space)
    print(json.dumps(space.pop("result", None)), flush=True)
"""


class Child:
    """A Python process that does as it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def do(self, code: str) -> int:
        """Returns once it is done, with what the code left in result."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        result: int = json.loads(self._process.stdout.readline())
        return result

    def fork(self) -> int:
        """Makes a grandchild with the same descriptors, which ends with the child. Returns its pid."""
        return self.do(
            "end, ours = os.pipe()\n"
            "result = os.fork()\n"
            "if not result:\n"
            "    os.close(ours); os.read(end, 1); os._exit(0)\n"
        )

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def children(number: int = 1, *, keep: tuple[int, ...] = ()) -> Iterator[list[Child]]:
    """Some, until the end of the block.

    Args:
        number: how many.
        keep: descriptors that they inherit.
    """
    with ExitStack() as stack:
        found = []
        for _ in range(number):
            process = stack.enter_context(
                subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=-1, stdout=-1, text=True, pass_fds=keep)
            )
            stack.callback(process.kill)
            found.append(Child(process))
        yield found
