"""An address that was used before, where no probe tells that it was let go."""

from __future__ import annotations

import pytest

from epolltop.model.instance import Provenance
from tests.workloads.client import Actor

from .reported import Watcher

pytestmark = [pytest.mark.kernel, pytest.mark.alone]


@pytest.mark.parametrize("watcher", ["derived"], indirect=True)
def test_a_32_bit_creation_at_an_address_used_before_is_found_not_traced(watcher: Watcher) -> None:
    with Actor() as actor:
        if actor.do("create_compat")["fd"] is None:
            pytest.skip("this kernel has no 32-bit entry")
        fds = actor.do("hold", count=100)["fds"]
        actor.do("close", fds=fds)
        watcher.look()
        for _ in range(100):
            actor.do("create_compat")
        for _ in range(2):
            (row,) = [row for row in watcher.look().processes if row.pid == actor.pid]
            assert row.open == 101
            # Another process of this machine may have used an address in between.
            ours = [one for one in row.instances if one.creator in (None, row.key)]
            assert len(ours) > 50
            assert {(one.provenance, one.created_ns) for one in ours} == {(Provenance.FOUND, None)}
