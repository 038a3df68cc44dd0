"""One live source for all kernel tests: opening takes 0.5 s."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workloads.client import Actor

from .observing import Observing, observe


@pytest.fixture(name="opened", scope="package")
def _opened() -> Iterator[Observing]:
    with observe() as observing:
        yield observing


@pytest.fixture(name="observing")
def _observing(opened: Observing) -> Observing:
    opened.refresh()  # what others did since the test before may have filled its buffer
    return opened


@pytest.fixture(name="actor")
def _actor() -> Iterator[Actor]:
    with Actor() as actor:
        yield actor
