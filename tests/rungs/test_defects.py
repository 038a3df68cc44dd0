"""What the torture found a rung to tell wrongly, each in as few steps as show it."""

from __future__ import annotations

import pytest

from epolltop.model.snapshot import Provenance
from tests.workloads.client import Actor

from .rungs import RUNGS, Refused, opened

pytestmark = pytest.mark.kernel


@pytest.mark.xfail(
    strict=True, reason="where no probe sees releases, births outlive their instances", raises=AssertionError
)
@pytest.mark.parametrize("rung", ["derived"])
def test_a_32_bit_creation_at_an_address_used_before_is_found_not_traced(rung: str) -> None:
    try:
        with opened(RUNGS[rung]) as observing, Actor() as actor:
            if actor.do("create_compat")["fd"] is None:
                pytest.skip("this kernel has no 32-bit entry")
            fds = actor.do("hold", count=100)["fds"]
            actor.do("close", fds=fds)
            observing.refresh()
            for _ in range(100):
                actor.do("create_compat")
            row = observing.row(actor.pid)
            told = {one.provenance for one in row.instances if one.creator in (None, row.key)}
            assert told == {Provenance.FOUND}
    except Refused as refused:
        pytest.skip(str(refused))
