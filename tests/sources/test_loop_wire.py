"""Records of loops as the kernel's maps have them."""

from __future__ import annotations

from epolltop.model.loop_activity import LoopCounts, Turn, WaitCall
from epolltop.sources.bpf.loop_wire import LOOP, LOOP_COUNTS, TURN, WireCounts, WireTurn

COUNTS = WireCounts(LOOP_COUNTS.pack(*range(1, LOOP_COUNTS.size // 8 + 1)))
TURN_OF = WireTurn(TURN.pack(LOOP.pack(1, 2, 3, 4, 5, 6), 7, 8, 9, 10, 11, 12, 13, 14, 15, WaitCall.EPOLL_PWAIT, b"io"))


def test_what_is_decoded_at_once_is_what_the_whole_record_says() -> None:
    counts = LoopCounts._make(COUNTS)
    assert counts == tuple(range(1, len(counts) + 1))
    assert [getattr(COUNTS, name) for name in counts._fields] == list(counts)
    turn = Turn._make(TURN_OF)
    assert turn == Turn(7, 8, 9, 15, WaitCall.EPOLL_PWAIT, "io", 14, 11, 12, 13)
    assert [getattr(TURN_OF, name) for name in turn._fields] == list(turn)
