"""A process with a million descriptors, none of them for an instance."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.workloads.client import Actor

from .reported import Watcher
from .rungs import Refused

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

MANY = 1_010_000
"""More than the kernel's iterator walks at once without anything to tell (MAX_ITER_OBJECTS, kernel/bpf/bpf_iter.c)."""

CROWD = f"""
import os, resource, sys
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, ({MANY + 100}, {MANY + 100}))
except (OSError, ValueError) as error:
    sys.exit(print(error))
for _ in range({MANY}):
    os.dup(0)
print("there", flush=True)
sys.stdin.read()
"""


@contextmanager
def crowd() -> Iterator[int]:
    """Its pid.

    Raises:
        Refused: no process of ours may have so many.
    """
    with subprocess.Popen([sys.executable, "-c", CROWD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline().decode().strip()
            if said != "there":
                raise Refused(f"a million descriptors: {said}")
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("watcher", ["derived"], indirect=True)
def test_who_comes_behind_it_is_in_the_census(watcher: Watcher) -> None:
    try:
        with crowd() as many, Actor() as actor:
            assert actor.pid > many, "tables are walked in the order of pids"
            actor.do("hold", count=3)
            (row,) = [row for row in watcher.look().processes if row.pid == actor.pid]
            assert (row.open, {one.holders[0].process.pid for one in row.instances}) == (3, {actor.pid})
    except Refused as refused:
        pytest.skip(str(refused))
