"""Workers at one listener, seen by the probes; and their healthy twins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from epolltop.model.finding import Severity
from tests.workloads.with_defect import defect

from .live import WINDOWS, Live, live

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

IDS = {"herd", "unbalanced"}


@pytest.fixture(name="observing", scope="module")
def _observing() -> Iterator[Live]:
    with live() as observing:
        yield observing


@pytest.mark.parametrize("id", sorted(IDS))
def test_what_workers_do_wrong_is_found(observing: Live, id: str) -> None:
    with defect(id) as told:
        found = observing.finds(id, told["pids"])
        facts = found.facts
        assert found.severity is Severity.INFO
        assert facts["woken" if id == "herd" else "siblings"] == len(told["pids"])
        assert observing.found(IDS, told["pids"]) == [found]


def test_workers_that_take_turns_are_healthy(observing: Live) -> None:
    with ExitStack() as stack:
        told = [stack.enter_context(defect(id, healthy=True)) for id in sorted(IDS)]
        pids = {pid for each in told for pid in each["pids"]}
        for _ in range(WINDOWS):
            observing.next_window()
            assert observing.found(IDS, pids) == []
