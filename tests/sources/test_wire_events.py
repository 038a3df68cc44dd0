"""Events that are decoded when they are asked for are those that were written, by time."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from epolltop.bcc.records import Records
from epolltop.model.event import Kind
from epolltop.model.process import ProcessKey
from epolltop.sources.bpf import wire
from epolltop.sources.bpf.wire_events import WireEvents


def _written(time_ns: int, tgid: int, uid: int, frames: int) -> bytes:
    event = (time_ns, tgid % 3, time_ns, 50_000_000, 0, tgid, tgid, 1, uid, 5, 0, int(Kind.CREATE), 2, 0, b"name")
    return wire.EVENT.pack(*event) + struct.pack(f"=QQI4x{frames}Q", 1, 2, 3, *range(frames)) * (frames > 0) + bytes(4)


written = st.builds(
    _written,
    st.integers(1, 50),
    st.integers(1, 6),
    st.sampled_from([0, 1000, 0xFFFFFFFF]),
    st.integers(0, 5),
)


def _records(raws: list[bytes]) -> Records:
    records = Records()
    for raw in raws:
        records.append(raw)
    return records


@given(st.lists(written, max_size=30))
def test_records_are_those_that_came(raws: list[bytes]) -> None:
    assert list(_records(raws)) == raws


@given(st.lists(written, max_size=30), st.slices(30))
def test_each_is_what_was_written_and_all_are_by_time(raws: list[bytes], part: slice) -> None:
    events = WireEvents(_records(raws))
    expected = sorted(map(wire.decode_event, raws), key=lambda event: event.time_ns)
    assert list(events) == [events[at] for at in range(len(events))] == expected
    assert list(events[part]) == expected[part]
    assert len(events) == len(raws)
    assert set(events.files()) == {event.file for event in expected}
    assert events.actors == {(ProcessKey(event.pid, event.start), event.uid) for event in expected}


@given(st.lists(written, max_size=30), st.slices(30))
def test_each_bears_its_own_stack(raws: list[bytes], part: slice) -> None:
    events = WireEvents(_records(raws))
    stacks = [(raw.hex(),) if raw else () for raw in events.stack_bytes()]
    bearing = events.bearing(stacks)
    told = sorted(
        zip(map(wire.decode_event, raws), map(wire.stack_bytes, raws), strict=True), key=lambda it: it[0].time_ns
    )
    expected = [event._replace(stack=(raw.hex(),) if raw else ()) for event, raw in told]
    assert list(bearing) == [bearing[at] for at in range(len(bearing))] == expected
    assert list(bearing[part]) == expected[part]
    assert all(event.stack == () for event in events)
