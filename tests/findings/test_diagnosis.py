"""What a judge keeps of a window."""

from __future__ import annotations

import gc
import weakref

import pytest

from epolltop.findings import diagnosis
from epolltop.findings.cases import Cases
from epolltop.findings.diagnosis import Diagnosis
from tests.support.rows import process_row, snapshot


def test_nothing_of_a_window_waits_for_the_cycle_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[object]] = []

    class Noted(Cases):
        def __init__(self, *arguments: object, **others: object) -> None:
            super().__init__(*arguments, **others)  # type: ignore[arg-type]
            made.append(weakref.ref(self.processes[0]))

    monkeypatch.setattr(diagnosis, "Cases", Noted)
    gc.disable()
    try:
        Diagnosis().look(snapshot(process_row(42)))
        assert [case() for case in made] == [None]
    finally:
        gc.enable()
