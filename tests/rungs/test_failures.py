"""Failures that a whole machine must be brought to: only a guest is."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from epolltop.model.event import Kind
from tests.kernel.observing import Observing
from tests.workloads.client import Actor

from .guest import IN_GUEST
from .reported import Watcher

FILE_MAX = Path("/proc/sys/fs/file-max")
UID = 65_534
"""Root is not limited."""

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.alone,
    pytest.mark.skipif(
        not IN_GUEST,
        reason="only where pid 1 is that of a guest (tests/vm): this machine would have no files left",
    ),
]


def test_without_a_free_file(watcher: Watcher) -> None:
    observing: Observing = watcher.observing
    with Actor() as actor:
        actor.do("become", uid=UID)
        observing.refresh()
        before = FILE_MAX.read_text(encoding="ascii")
        FILE_MAX.write_text("1", encoding="ascii")
        try:
            reply = actor.do("create1", flags=0)
        finally:
            FILE_MAX.write_text(before, encoding="ascii")
        assert reply["errno"] == errno.ENFILE
        if not watcher.rung.coverage.creations:
            assert actor.pid not in {row.pid for row in observing.refresh().processes}
            assert not observing.events(actor.pid)
            return
        row = observing.row(actor.pid)
        assert (row.created, row.failed, row.open) == (0, 1, 0)
        (event,) = observing.events(actor.pid)
        assert (event.kind, event.errno, event.fd, event.file) == (Kind.CREATE_FAILED, errno.ENFILE, None, 0)
