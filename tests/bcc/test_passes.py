"""How a census is read from the kernel, in parts, and what each table gets of the room it has."""

from __future__ import annotations

import io
import os
import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from epolltop.bcc.iterator_pass import IteratorPass
from epolltop.proc.shares import fair_share


def test_a_reader_that_has_nothing_yet_is_asked_again() -> None:
    there, here = os.pipe()
    os.set_blocking(there, False)
    asked = threading.Event()

    class Asked(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            part = super().read(size)
            if part is None:
                asked.set()
            return part

    def write() -> None:
        for part in (b"one", b"two"):
            asked.wait(10)
            asked.clear()
            os.write(here, part)
        os.close(here)

    writer = threading.Thread(target=write)
    writer.start()
    passes = Asked(there)
    assert IteratorPass(lambda: passes).go_on(time.monotonic() + 20) == b"onetwo"
    assert passes.closed
    writer.join()


def test_what_is_not_over_in_time_goes_on_where_it_was() -> None:
    there, here = os.pipe()
    reading = IteratorPass(lambda: io.FileIO(there))
    for part in (b"one", b"two"):
        os.write(here, part)
        assert reading.go_on(until=0) is None, "a part, and no more, when time is over already"
    os.close(here)
    assert reading.go_on(time.monotonic() + 20) == b"onetwo"


HELD = st.lists(st.integers(1, 50), min_size=1, max_size=30)


@given(HELD, st.integers(1, 300))
def test_shares_find_room_and_are_as_large_as_they_can_be(held: list[int], room: int) -> None:
    """From one census to the next, by what each shows: tables told whole, and those that were cut."""
    each = room
    for _ in range(len(held) + 2):
        told, left = [], room
        for number in held:
            told.append(min(number, each, left))
            left -= told[-1]
        whole = [number for number, shown in zip(held, told, strict=True) if number == shown]
        each = fair_share(whole, len(held) - len(whole), room)
    if sum(held) <= room:
        assert told == held
    elif len(held) <= room:
        assert sum(told) <= room
        least = min(shown for number, shown in zip(held, told, strict=True) if number > shown)
        assert max(told) <= least + 1, "nobody has more than whoever was cut"
        assert sum(min(number, least + 1) for number in held) > room, "no more would have found room"


def test_nobody_is_cut_to_nothing() -> None:
    assert fair_share([], cut=10, room=3) == 1
