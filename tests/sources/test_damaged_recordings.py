"""A recording that is cut off, damaged or from a stranger tells what stands before, and does no harm."""

from __future__ import annotations

import dataclasses
import io
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epolltop.errors import Unplayable
from epolltop.model.batch import Batch
from epolltop.model.event import Syscall
from epolltop.model.limits import RECORDING_CUT, Limit
from epolltop.model.process import ProcessKey
from epolltop.model.process_selection import Selection
from epolltop.model.source import Source
from epolltop.sources.recording import changes, codec
from epolltop.sources.recording.codec import Decoder, Encoder
from epolltop.sources.recording.container import UNPACKED_BYTES_MAX, framed
from epolltop.sources.recording.file_header import MEMBERS_MAX
from epolltop.sources.recording.record_layout import own_layout
from epolltop.sources.recording.recorder import Recorder
from epolltop.sources.recording.value_form import Damaged
from epolltop.text.safe import printable
from tests.support.fake_source import FakeSource
from tests.support.recorded_ticks import EVENTS, TICKS
from tests.support.recordings import as_told, content, first_line, frame_ends, read, read_stream, show
from tests.support.records import A, P, batch, census, create, holding, process
from tests.support.watched import Watched

# Cut off and damaged.


def test_cut_anywhere_it_tells_what_stands_before_the_cut() -> None:
    whole = content(TICKS)
    ends = frame_ends(whole)
    assert len(ends) == len(TICKS) + 1
    assert ends[-1] == len(whole)
    line = whole.index(b"\n") + 1
    for size in (*range(0, line, 16), *range(line - 2, len(whole))):
        ticks = sum(end <= size for end in ends[:-1])
        for reader in (read, read_stream):
            if not ticks:
                with pytest.raises(Unplayable, match=r"^(empty|a recording that was cut off before the end of its fi)"):
                    reader(whole[:size])
                continue
            told, trouble = reader(whole[:size])
            assert [tick.now_ns for tick in told] == [tick.now_ns for tick in TICKS[:ticks]]
            assert trouble == f"was cut off after {ticks} tick{'' if ticks == 1 else 's'}"


def test_a_recording_that_is_known_to_be_cut_off_says_so_among_its_limits() -> None:
    (tick,) = read(content(TICKS[:1])[:-5])[0]
    assert tick.source.limits == (Limit.of(RECORDING_CUT, ticks=1),)


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_damaged_anywhere_it_tells_what_stands_before_the_damage(bit: int) -> None:
    whole = content(TICKS)
    expected, _ = read(whole)
    ends = frame_ends(whole)
    for at in range(whole.index(b"\n") + 1, len(whole)):
        ticks = sum(end <= at for end in ends[:-1])
        raw = bytearray(whole)
        raw[at] ^= 1 << bit
        for reader in (read, read_stream):
            if not ticks:
                with pytest.raises(Unplayable, match="before the end of its first tick"):
                    reader(bytes(raw))
                continue
            told, trouble = reader(bytes(raw))
            assert [as_whole(tick) for tick in told] == expected[:ticks]
            assert trouble.endswith(f" after {ticks} tick{'' if ticks == 1 else 's'}")


def as_whole(tick: Batch) -> Batch:
    """Without the limit."""
    return dataclasses.replace(tick, source=dataclasses.replace(tick.source, limits=()))


# From strangers.


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b"\0" * 5000, "neither a recording nor a snapshot of epolltop"),
        (b"\x1f\x8b", "neither a recording nor a snapshot of epolltop"),
        (b"epolltop.recordinG/1 {}\n", "neither a recording nor a snapshot of epolltop"),
        (b"epolltop.recording/3 {}\n", "a recording of version 3; this epolltop reads versions 1 and 2"),
        (b"epolltop.recording/\x1b[31m {}\n", "a recording of version unknown; this epolltop reads versions 1 and 2"),
        (b"epolltop.recording/1\n", "a recording with a damaged first line"),
        (b"epolltop.recording/1 {}\n", "a recording with a damaged first line"),
        (b'epolltop.recording/1 {"epolltop":"1","pids":["x"]}\n', "a recording with a damaged first line"),
        (b"epolltop.recording/1 " + b"[" * 60000 + b"\n", "a recording with a damaged first line"),
        (b"epolltop.recording/" + b"1" * 100000, "neither a recording nor a snapshot of epolltop"),
        (b'epolltop.recording/1 {"epolltop":"1"}\n' + framed(b"", 0), "a recording without a tick"),
        (
            b'epolltop.recording/2 {"epolltop":"1"}\n' + framed(b"", 0),
            "a recording without Batch.since_ns, which this epolltop needs",
        ),
        (
            b'epolltop.recording/2 {"epolltop":"1","records":{"x":[%s]}}\n' % b",".join([b'""'] * (MEMBERS_MAX + 1)),
            "a recording with a damaged first line",
        ),
    ],
)
def test_what_cannot_be_replayed_is_said_in_a_sentence(raw: bytes, why: str) -> None:
    with pytest.raises(Unplayable) as caught:
        read(raw)
    assert str(caught.value) == why


def test_text_is_made_safe_again() -> None:
    evil = "\x1b[31m\r\n\u202eevil"
    told = dataclasses.replace(
        batch(10, [create(A, 5)._replace(name=evil, stack=(evil, "main"))], census(9, holding(A))),
        users={7: evil},
        processes={P: process(P, name=evil, command=evil, user=evil, cgroup=evil, container=evil)},
        source=Source(
            kind=evil,
            host=TICKS[0].source.host._replace(hostname=evil),
            probes=(dataclasses.replace(TICKS[0].source.probes[0], name=evil, attached_to=evil),),
            census_by=evil,
            limits=(Limit(evil, ((evil, evil), ("pid", 7))),),
        ),
    )
    (tick,) = read(content([told]))[0]
    shown = r"\x1b[31m\x0d\x0a\u202eevil"
    assert printable(evil) == shown
    assert (tick.events[0].name, tick.events[0].stack, tick.users) == (shown, (shown, "main"), {7: shown})
    assert tick.processes == {P: process(P, name=shown, command=shown, user=shown, cgroup=shown, container=shown)}
    assert tick.source.host.hostname == shown
    assert (tick.source.probes[0].name, tick.source.probes[0].attached_to) == (shown, shown)
    assert (tick.source.kind, tick.source.census_by) == ("replay", shown)
    assert tick.source.limits == (Limit(shown, ((shown, shown), ("pid", 7))),)


BATCH = own_layout().records["Batch"]


def altered(**changes: object) -> bytes:
    """A good frame, with other values in it."""
    values = msgspec.msgpack.decode(Encoder().encode(TICKS[0]), strict=False)
    for name, value in changes.items():
        values[BATCH.index(name)] = value
    return msgspec.msgpack.encode(values)


KEY = [100, 1000]
EVENT = list(EVENTS[0])


@pytest.mark.parametrize(
    "changes",
    [
        {"now_ns": -1},
        {"now_ns": "now"},
        {"now_ns": 1.5},
        {"since_ns": 1 << 63},
        {"wall_ns": -1},
        {"source": None},
        {"totals": [1, "2"]},
        {"events": [[1, 2, 3]]},
        {"events": [[9, *EVENT[1:]]]},
        {"events": [[*EVENT[:8], -5, *EVENT[9:]]]},
        {"events": [[*EVENT[:8], 1 << 60, *EVENT[9:]]]},
        {"events": [[*EVENT[:10], b"\xff", *EVENT[11:]]]},
        {"events": [[*EVENT[:10], "x" * (1 << 18), *EVENT[11:]]]},
        {"counts": [[1], [[1, 2, 3, 4]], []]},
        {"counts": [[KEY], [], []]},
        {"counts": [[], [], [[1, -1]]]},
        {"processes": [[], [], [[1]]]},
        {"census": [9, [[[1, 2, -3, 4, 5, 6, 2, 0, 0, None, 0]], [], []], True, []]},
        {"census": [9, [None, [], [[7, [1, 2, 3, 4, 5, 6, 2, 0, 0, None, 0]]]], True, []]},
        {"census": [9, [None, [], [[-1, [1, 2, 3, 4, 5, 6, 2, 0, 0, None, 0]]]], True, []]},
        {"census": [9]},
        {"watches": [["a"], [1], []]},
        {"users": [[7], [8], []]},
    ],
    ids=str,
)
def test_what_no_source_says_is_damage(changes: dict[str, object]) -> None:
    Decoder().decode(altered())
    with pytest.raises(Damaged):
        Decoder().decode(altered(**changes))


def test_a_process_under_another_key_is_damage() -> None:
    with pytest.raises(Damaged):
        Decoder().decode(Encoder().encode(dataclasses.replace(TICKS[0], processes={ProcessKey(1, 2): process(P)})))


def test_a_call_that_is_not_known_is_unknown() -> None:
    at = own_layout().records["Event"].index("syscall")
    (event,) = Decoder().decode(altered(events=[[*EVENT[:at], 9, *EVENT[at + 1 :]]])).events
    assert event.syscall is Syscall.UNKNOWN


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.integers(0, 9) | st.text(max_size=3), inner),
    max_leaves=20,
)


@settings(max_examples=300)
@given(st.sampled_from(BATCH), JUNK)
def test_junk_in_a_field_is_damage_or_does_no_harm(name: str, junk: object) -> None:
    survives(altered(**{name: junk}))


@settings(max_examples=500)
@given(st.randoms(use_true_random=False))
def test_changed_bytes_are_damage_or_do_no_harm(at_random: random.Random) -> None:
    raw = bytearray(Encoder().encode(TICKS[0]))
    for _ in range(at_random.randint(1, 4)):
        raw[at_random.randrange(len(raw))] = at_random.randrange(256)
    survives(bytes(raw))


def survives(frame: bytes) -> None:
    """What can be read of it, the world takes, and every file shows."""
    try:
        tick = Decoder().decode(frame)
    except Damaged:
        return
    world = Watched(tell_all=True)
    world.apply(as_told(TICKS[0]))
    world.apply(tick)
    snapshot = world.look(world.begin_window())
    show(snapshot)


def test_more_records_than_a_tick_has_are_not_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(changes, "RECORDS_MAX", 3)
    path = tmp_path / "file"
    recorder = Recorder(FakeSource([batch(1), TICKS[0]]), io.FileIO(path, "w"), str(path), Selection())
    recorder.poll()
    with pytest.raises(OSError, match="more than 3 records in a tick") as caught:
        recorder.poll()
    assert caught.value.filename == str(path)
    recorder.close()
    assert len(read(path.read_bytes())[0]) == 1


def test_events_that_no_census_confirms_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "_UNCONFIRMED_MAX", 5)
    ticks = [batch(now, EVENTS) for now in range(10, 50, 10)]
    assert read(content(ticks))[1] == "is damaged after 1 tick"
    confirmed = [batch(now, EVENTS, census(now)) for now in range(10, 50, 10)]
    assert read(content(confirmed))[1] == ""


BOMB = """
import resource, sys
from pathlib import Path
from epolltop.errors import Unplayable
from tests.support.recordings import read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read(Path(sys.argv[1]).read_bytes())
except Unplayable as error:
    print(error, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("content_of", [lambda zeros: zeros, lambda zeros: b"\xdd\xff\xff\xff\xff" + zeros])
def test_a_bomb_takes_no_more_than_a_frame(tmp_path: Path, content_of: Callable[[bytes], bytes]) -> None:
    """A gigabyte in a megabyte."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(deflate.compress(content_of(bytes(1 << 20))) for _ in range(1024))
    packed += deflate.flush(zlib.Z_SYNC_FLUSH)
    path = tmp_path / "bomb"
    path.write_bytes(first_line() + framed(packed, 10) + framed(b"", 10))
    ended = subprocess.run([sys.executable, "-c", BOMB, path], capture_output=True, text=True, check=True)
    *why, grown = ended.stdout.split()
    assert " ".join(why) == "a recording that is damaged before the end of its first tick"
    assert int(grown) < 3 * UNPACKED_BYTES_MAX // 1024


def test_a_frame_that_says_it_is_huge_is_damage() -> None:
    whole = content(TICKS[:1])
    huge = struct.pack("<IIq", UNPACKED_BYTES_MAX + 1, 0, 50) + bytes(100)
    for reader in (read, read_stream):
        assert reader(whole[: frame_ends(whole)[0]] + huge)[1] == "is damaged after 1 tick"


def test_time_does_not_run_backwards() -> None:
    for reader in (read, read_stream):
        told, trouble = reader(content([TICKS[1], TICKS[0]]))
        assert ([tick.now_ns for tick in told], trouble) == ([TICKS[1].now_ns], "is damaged after 1 tick")
