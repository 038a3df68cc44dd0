"""Changes of interest lists in snapshots."""

from __future__ import annotations

from epolltop.model.ctl import errors_by_key, renewed
from epolltop.model.ctl_activity import CtlCounts, CtlErrorKey, CtlErrors, CtlKey, CtlOperation
from tests.support.records import P, Q

ONE, OTHER, NEW = CtlKey(0xA00, 0, P), CtlKey(0xA00, 0, Q), CtlKey(0xB00, 0, P)


def test_what_is_equal_is_the_same_object() -> None:
    before = {ONE: CtlCounts(1000), OTHER: CtlCounts(2)}
    assert renewed(before, {CtlKey(*ONE): CtlCounts(1000), CtlKey(*OTHER): CtlCounts(2)}) is before
    after = renewed(before, {CtlKey(*ONE): CtlCounts(1000), NEW: CtlCounts(3)})
    assert after == {ONE: CtlCounts(1000), NEW: CtlCounts(3)}
    assert next(iter(after)) is ONE
    assert after[ONE] is before[ONE]
    assert before == {ONE: CtlCounts(1000), OTHER: CtlCounts(2)}


def test_errors_stand_by_instance_and_process() -> None:
    errors = {
        CtlErrorKey(ONE, CtlOperation.ADD, 17): CtlErrors(2),
        CtlErrorKey(ONE, CtlOperation.DEL, 2): CtlErrors(1),
        CtlErrorKey(OTHER, CtlOperation.ADD, 17): CtlErrors(5),
    }
    assert errors_by_key(errors) == {
        ONE: {(CtlOperation.ADD, 17): 2, (CtlOperation.DEL, 2): 1},
        OTHER: {(CtlOperation.ADD, 17): 5},
    }
