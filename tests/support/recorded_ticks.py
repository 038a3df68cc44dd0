"""Ticks to record, in which what is held and counted comes, stays, changes and goes."""

from __future__ import annotations

import dataclasses

from epolltop.model.counts import Counts
from epolltop.model.late_look import Doing, LateLook
from epolltop.model.watch import Target, TargetKind
from tests.support.records import A, B, C, P, Q, R, batch, census, create, failed, holding, loop, release

EVENTS = [create(A, 5), failed(6, Q), release(B, 7, who=R)]
HELD = [holding(B, Q), holding(C, Q, 4), holding(C, R), holding(A, P, 9, created=5)]
COUNTS = {P: Counts(3, 1, 2, 9), Q: Counts(1)}
STACK = ("inner+0x1 (a)", "outer+0x2 (a)")
LATE = LateLook(35, 38, Doing.BLOCKED, "read", 3, Target(TargetKind.PIPE, "pipe:[7]", (("inode", 7),)), STACK)
TICKS = (
    batch(
        10, [EVENTS[0]._replace(stack=STACK), *EVENTS[1:]], census(9, *HELD), counts=COUNTS, watches={A: 3}, cpu_ns=7
    ),
    batch(20, [], None, counts={P: Counts(4, 1, 2, 9)}, alive=(P,)),
    batch(30, [release(A, 25, 5)], census(29, *HELD[:2], holding(B, P, 8), HELD[2]), alive=(P, R)),
    dataclasses.replace(batch(40, []), users={7: "gone"}, late={loop(A): LATE}),
)
