"""What waits to be taken is bounded: the rest stays where the kernel counts what has no room."""

from __future__ import annotations

import pytest

from epolltop.bcc.drain import Drain
from tests.waiting import eventually


def test_more_than_is_kept_waits_and_comes_in_order() -> None:
    buffer = [bytes([number]) for number in range(10)]

    def consume() -> None:
        while buffer:
            drain.receive(buffer.pop(0))

    drain = Drain(consume, most=4)
    drain.start()
    try:
        eventually(lambda: len(buffer) == 5)  # four are kept, one is in hand
        taken = list(drain.take())
        assert taken == [bytes([number]) for number in range(4)]
        assert len(buffer) <= 5
        while len(taken) < 10:
            more = drain.take()
            assert len(more) <= 5
            taken += more
        assert taken == [bytes([number]) for number in range(10)]
    finally:
        assert drain.stop()


def test_it_ends_though_nobody_takes() -> None:
    def consume() -> None:
        for _ in range(9):
            drain.receive(b"")

    drain = Drain(consume, most=4)
    drain.start()
    eventually(drain.take)
    assert drain.stop()


def test_a_buffer_that_cannot_be_emptied_is_told_and_tried_again() -> None:
    fails = [OSError(12, "Cannot allocate memory")]

    def consume() -> None:
        if fails:
            raise fails.pop()
        drain.receive(b"x")

    drain = Drain(consume, most=4)
    drain.start()
    try:
        with pytest.raises(OSError, match="allocate"):
            eventually(drain.take)
        assert eventually(drain.take)[0] == b"x"
    finally:
        assert drain.stop()
