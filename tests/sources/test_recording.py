from __future__ import annotations

import io
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from epolltop.model.holding import Census
from epolltop.model.process_selection import Selection
from epolltop.sources.recording.codec import Decoder, Encoder
from epolltop.sources.recording.recorder import Recorder
from tests.model.test_any_order import FATES, STEPS, Step, _deliver, _run
from tests.support.fake_source import FakeSource
from tests.support.recorded_ticks import TICKS
from tests.support.recordings import as_told, content, opened, read, read_stream, rest, write
from tests.support.records import A, B, P, Q, batch, census, holding
from tests.support.watched import Watched


def test_batches_come_back_as_they_were() -> None:
    assert read(content(TICKS)) == ([as_told(tick) for tick in TICKS], "")


def test_batches_come_back_from_a_stream() -> None:
    assert read_stream(content(TICKS)) == ([as_told(tick) for tick in TICKS], "")


@settings(max_examples=100)
@given(STEPS, FATES)
def test_whatever_happens_the_world_becomes_the_same(steps: list[Step], fates: list[tuple[int, ...]]) -> None:
    ticks = _deliver(_run(steps), fates)
    lived, recalled = Watched(tell_all=True), Watched(tell_all=True)
    replayed, trouble = read(content(ticks))
    assert (len(replayed), trouble) == (len(ticks), "")
    for tick, again in zip(ticks, replayed, strict=True):
        lived.apply(as_told(tick))
        recalled.apply(again)
        assert recalled.look() == lived.look()
        lived.begin_window()
        recalled.begin_window()


def test_holdings_are_the_very_object_of_the_last_census_if_and_only_if_they_were() -> None:
    same = [holding(A), holding(B, Q)]
    equal = list(same)
    ticks = [
        batch(now, [], None if holdings is None else Census(now, holdings, by_address=True))
        for now, holdings in enumerate([same, same, None, same, equal, equal])
    ]
    told = [tick.census.holdings if tick.census else None for tick in read(content(ticks))[0]]
    assert told[0] is told[1] is told[3]
    assert told[4] == told[3]
    assert told[4] is not told[3]
    assert told[5] is told[4]


@given(
    st.lists(st.lists(st.tuples(st.integers(1, 6), st.integers(3, 9)), max_size=12), min_size=2, max_size=6),
)
def test_any_census_after_any_other(censuses: list[list[tuple[int, int]]]) -> None:
    encoder, decoder = Encoder(), Decoder()
    for now, held in enumerate(censuses):
        tick = batch(now, [], census(now, *(holding(file, P, fd) for file, fd in held)))
        assert decoder.decode(encoder.encode(tick)) == as_told(tick)


def test_a_change_is_written_not_the_whole() -> None:
    many = [holding(file, P, file) for file in range(1, 2000)]
    encoder = Encoder()
    first = encoder.encode(batch(1, [], census(1, *many)))
    then = encoder.encode(batch(2, [], census(2, *many[:700], *many[701:], holding(5000, Q))))
    assert len(then) < len(first) / 50


def test_a_batch_is_in_the_file_before_it_is_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "file"
    recorder = Recorder(FakeSource(TICKS), io.FileIO(path, "w"), str(path), Selection())
    for number in range(1, len(TICKS) + 1):
        recorder.poll()
        assert len(read(path.read_bytes())[0]) == number
        assert path.stat().st_size == recorder.octets
    recorder.close()
    recorder.close()
    assert read(path.read_bytes())[1] == ""


def test_going_back_to_a_place(tmp_path: Path) -> None:
    recording = opened(write(tmp_path / "file", TICKS))
    told = []
    places = []
    for _ in TICKS:
        places.append(recording.place())
        told.append(recording.poll())
    for number in (2, 0, 3, 2):
        recording.go_to(places[number])
        assert list(rest(recording)) == told[number:]
    assert list(recording.times) == [tick.now_ns for tick in TICKS]
    recording.close()
