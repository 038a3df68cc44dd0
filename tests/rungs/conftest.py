"""One open source a rung, and one cast of puppets for all; one rung after another."""

from __future__ import annotations

import os
import platform
import zlib
from collections.abc import Iterator

import pytest

from .guest import IN_GUEST
from .puppets import Puppets
from .reported import Watcher
from .rungs import RUNGS, Refused, opened

SEEDS = 24
"""Twice as many as it takes to notice each mistake of test_mutants.py."""
FIRST = zlib.crc32(platform.release().encode()) % 1000 * 1000 if IN_GUEST else 0
"""Each kernel that is booted plays other programs."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """EPOLLTOP_SEEDS=n: so many seeds, EPOLLTOP_SEEDS=m+n: so many from that one on; EPOLLTOP_SEED=n: that one."""
    if "seed" in metafunc.fixturenames:
        one = os.environ.get("EPOLLTOP_SEED")
        told, _, count = os.environ.get("EPOLLTOP_SEEDS", str(SEEDS)).rpartition("+")
        first = int(told or FIRST)
        metafunc.parametrize("seed", [int(one)] if one else range(first, first + int(count)))


@pytest.fixture(name="puppets", scope="package")
def _puppets() -> Iterator[Puppets]:
    with Puppets() as puppets:
        yield puppets


@pytest.fixture(name="watcher", scope="package", params=RUNGS)
def _watcher(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    rung = RUNGS[request.param]
    recording = tmp_path_factory.mktemp(request.param) / "recording"
    try:
        with opened(rung) as observing:
            observing.record(recording)
            yield Watcher(observing, rung, recording)
    except Refused as refused:
        pytest.skip(str(refused)[:400])
