"""Command lines: whole where there is room, cut and marked where there is none."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.model.bounds import TEXT_CHARS_MAX
from epolltop.model.process import Process, ProcessKey
from epolltop.proc.cmdline import COMMAND_BYTES, COMMANDS_BYTES, LEAST_CHARS, Command, Commands
from epolltop.proc.procfs import Procfs
from tests.waiting import eventually

REWRITES = r"""
import ctypes, sys
size, libc = len(sys.argv[-1]), ctypes.CDLL(None)
line = open("/proc/self/cmdline", "rb").read()
with open("/proc/self/maps") as maps:
    stack = next(each for each in maps if "[stack]" in each).split()[0].split("-")
start, end = (int(each, 16) for each in stack)
memory = ctypes.string_at(start, end - start)
at = start + memory.rindex(line)
for number, _ in enumerate(sys.stdin):
    title = b"worker: state %d" % number
    ctypes.memmove(at, title.ljust(len(line), b"\0"), len(line))
    print(number, flush=True)
"""


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-I", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def facts(procfs: Procfs, pid: int, *, is_shown: bool = False) -> Process:
    process = procfs.process(ProcessKey(pid, 0), is_shown=is_shown)
    assert process is not None
    return process


def executed(pid: int) -> Process:
    """What is known as soon as it has a command line again."""
    process = facts(Procfs(), pid)
    assert process.command_bytes
    return process


@pytest.mark.parametrize("octets", [4097, 30_000, COMMAND_BYTES - 100])
def test_long_command_lines_are_whole(octets: int) -> None:
    with running("-c", "input()", "x" * octets, "main.Class") as started:
        process = eventually(lambda: executed(started.pid))
        assert process.command.endswith(" main.Class")
        assert (
            process.command_bytes == len(process.command) == octets + len(f"{sys.executable} -I -c input()  main.Class")
        )
        assert not process.command_truncated


@pytest.mark.parametrize("octets", [COMMAND_BYTES, 120_000])
def test_what_is_longer_is_cut_and_says_how_long_it_is(octets: int) -> None:
    with running("-c", "input()", "x" * octets, "main.Class") as started:
        process = eventually(lambda: executed(started.pid))
        whole = octets + len(f"{sys.executable} -I -c input()  main.Class")
        assert (process.command_bytes, process.command_truncated) == (whole, True)
        assert process.command.endswith(f"xxx… ({whole:,} bytes)")
        assert TEXT_CHARS_MAX - 40 < len(process.command) <= TEXT_CHARS_MAX


def test_a_title_is_current_where_somebody_looks() -> None:
    procfs = Procfs()
    with running("-c", REWRITES, "room for a title that says what it does") as started:
        assert started.stdin is not None
        assert started.stdout is not None
        eventually(lambda: "room for a title" in facts(procfs, started.pid, is_shown=True).command)
        for number in range(30):
            started.stdin.write("\n")
            started.stdin.flush()
            started.stdout.readline()
            assert facts(procfs, started.pid, is_shown=True).command == f"worker: state {number}"


def commands(lines: dict[int, bytes]) -> Commands:
    return Commands(lambda pid, most: lines[pid][:most], lambda pid: len(lines[pid]))


def test_memory_for_all_is_bounded_and_is_given_back() -> None:
    crowd = {pid: b"a" * COMMAND_BYTES for pid in range(1, 20_001)}
    known = commands(crowd | {99_999: b"java main.Class"})
    read = [known.read(ProcessKey(pid, 1)) for pid in crowd]
    assert len(read[0].text) == TEXT_CHARS_MAX
    assert not read[0].truncated
    assert all(len(command.text) >= LEAST_CHARS - 40 for command in read)
    assert sum(sys.getsizeof(command.text) for command in read) < COMMANDS_BYTES + len(crowd) * (4 * LEAST_CHARS + 100)
    assert known.read(ProcessKey(99_999, 1)) == Command("java main.Class", 15, False)  # short ones are always whole
    known.forget([])
    assert known._taken == 0
    assert known.read(ProcessKey(1, 1)) == read[0]


@given(st.lists(st.tuples(st.integers(1, 3), st.binary(max_size=300) | st.just(b"\xff" * 70_000)), max_size=20))
def test_whatever_is_rewritten_the_account_is_right(steps: list[tuple[int, bytes]]) -> None:
    lines: dict[int, bytes] = {}
    known = commands(lines)
    last: dict[int, Command] = {}
    for pid, line in steps:
        lines[pid] = line
        last[pid] = known.read(ProcessKey(pid, 1))
        assert len(last[pid].text) <= TEXT_CHARS_MAX
        assert last[pid].text.isprintable()
        assert last[pid].truncated == bool(re.search(r"… \([\d,]+ bytes\)$", last[pid].text))
    assert known._taken == sum(sys.getsizeof(command.text) for command in last.values())
