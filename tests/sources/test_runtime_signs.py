"""Signs of runtimes are read twice for each program that a process runs, and within a share of time."""

from __future__ import annotations

import os

import pytest

from epolltop.model.process import ProcessKey
from epolltop.proc.procfs import Procfs
from epolltop.sources import runtime_signs
from epolltop.sources.runtime_signs import RuntimeSigns

ME = os.getpid()


def test_they_are_those_of_the_code() -> None:
    assert "select.epoll" in (RuntimeSigns().read("/proc", ME) or ())
    assert RuntimeSigns().read("/proc", 0) is None


def test_there_is_a_limit_to_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_signs, "SHARE", 0.0)
    monkeypatch.setattr(runtime_signs, "SAVED_S", 1e-5)
    signs = RuntimeSigns()
    assert [signs.read("/proc", ME) is None for _ in range(3)] == [False, True, True]


def test_they_are_read_at_first_and_when_it_has_started() -> None:
    asked = []

    def read(_: str, pid: int) -> tuple[str, ...]:
        asked.append(pid)
        return ("asyncio",)

    procfs = Procfs(read_signs=read)
    for _ in range(30):
        process = procfs.process(ProcessKey(ME, 0))
        assert process
        assert process.runtime_signs == ("asyncio",)
    assert asked == [ME, ME]


def test_what_could_not_be_read_is_tried_again() -> None:
    answers = [None, ("asyncio",)]
    procfs = Procfs(read_signs=lambda *_: answers.pop(0))
    found = [process.runtime_signs for _ in range(40) if (process := procfs.process(ProcessKey(ME, 0)))]
    assert (found[0], found[-1], answers) == (None, ("asyncio",), [])
