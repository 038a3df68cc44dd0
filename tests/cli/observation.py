"""What one command tells about an observation in which something is done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.kernel.namespaces import last_child
from tests.waiting import eventually

from .program import COMMAND, environment

Document = dict[str, Any]
PATIENCE_S = 100.0
"""As much as a guest without KVM needs."""
CENSUS_DUE_S = 2.0
"""A census waits twenty times what the last one took, here 100 ms at most. Earlier snapshots show that last one."""


def observed(act: Callable[[], object], *arguments: str, through: Sequence[str] = ()) -> Document:
    """A snapshot of the whole time in which something is done, by probes.

    Args:
        act: does it, once they are attached.
        arguments: of the program.
        through: a command that runs the rest of its arguments, such as nsenter.
    """
    command = [*through, *COMMAND, *arguments, "snapshot", "-d", "60"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd="/", env=environment()) as program:
        try:
            eventually(lambda: program.poll() is not None or _observes(program.pid), PATIENCE_S)
            if program.returncode is None:
                act()
                time.sleep(CENSUS_DUE_S)
                os.kill(last_child(program.pid), signal.SIGINT)  # nsenter(1) does not pass it on
            written, said = program.communicate(timeout=PATIENCE_S)
        finally:
            program.kill()
    assert program.returncode == 128 + signal.SIGINT, said
    document: Document = json.loads(written)
    return document


def _observes(pid: int) -> bool:
    """Whether the last child observes; one that a shell runs before it may end at any moment."""
    try:
        return has_probes(last_child(pid))
    except (FileNotFoundError, ProcessLookupError):  # before its file is opened, or read
        return False


def row_of(document: Document, pid: int) -> Document:
    """Of the only process of that pid."""
    (row,) = (row for row in document["processes"] if row["pid"] == pid)
    return dict(row)


def has_probes(pid: int) -> bool:
    """Whether it has attached its probes and taken its first census.

    By then, beside the main, leaving and session threads, one drains; and all others sleep: on a busy machine one that
    has work left waits for a processor, which is no sleep. The one that drains began last, and never sleeps for long.
    """
    for _ in range(5):
        *others, _drain = sorted(map(int, os.listdir(f"/proc/{pid}/task")))
        stats = [Path(f"/proc/{pid}/task/{tid}/stat").read_text() for tid in others]
        if len(stats) < 3 or any(stat.rpartition(")")[2].split()[0] != "S" for stat in stats):
            return False
        time.sleep(0.02)
    return True
