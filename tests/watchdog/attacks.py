"""What attacks, and how much memory it may cost."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.cli.program import NOBODY

PEAK_MB = 300.0


@contextlib.contextmanager
def attacking(hostile: Path, words: Sequence[str]) -> Iterator[None]:
    """As nobody, under a name that filters search."""
    command = [str(hostile), *words, "a" * 3000]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd="/", start_new_session=True, **pipes, **NOBODY) as process:  # type: ignore[call-overload]
        try:
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()
