"""The kinds of descriptors, which the iterator tells by structures of the kernel, and /proc by its links."""

from __future__ import annotations

import os

import pytest

from epolltop.model.descriptor_kinds import Descriptors
from tests.waiting import eventually
from tests.workloads.client import Actor

from .reported import Watcher

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

KINDS = tuple(kind for kind in Descriptors._fields if kind != "io_uring")
"""A kernel may have no io_uring."""


@pytest.mark.parametrize("watcher", ["derived", "proc"], indirect=True)
def test_each_kind_is_counted_on_this_kernel(watcher: Watcher) -> None:
    with Actor() as actor:

        def counted() -> Descriptors | None:
            (row,) = [row for row in watcher.look().processes if row.pid == actor.pid]
            return row.descriptors

        actor.create()
        before = eventually(counted)
        for number, kind in enumerate(KINDS, start=3):
            actor.do("open_kind", kind=kind, count=number)
        after = eventually(lambda: (seen := counted()) != before and seen)
        assert before
        assert after
        more = {kind: getattr(after, kind) - getattr(before, kind) for kind in KINDS}
        assert more == {kind: number for number, kind in enumerate(KINDS, start=3)}
        assert after.total == len(os.listdir(f"/proc/{actor.pid}/fd"))
