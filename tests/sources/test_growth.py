"""Recordings of today and of an epolltop of tomorrow, which knows more: each reads the other's."""

from __future__ import annotations

import dataclasses
import enum
import functools
import zlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
import pytest

from epolltop.errors import Unplayable
from epolltop.model.batch import Batch
from epolltop.model.bounds import STANDING, Name
from epolltop.model.event import Event as EventToday
from epolltop.model.event import Kind
from epolltop.model.holding import Census as CensusToday
from epolltop.model.holding import Holding as HoldingToday
from epolltop.model.limits import RECORDING_NEWER, Limit
from epolltop.model.process import Process as ProcessToday
from epolltop.model.process import ProcessKey
from epolltop.model.source import Probe as ProbeToday
from epolltop.model.source import Source as SourceToday
from epolltop.sources.recording.changes import change
from epolltop.sources.recording.codec import Decoder, Encoder
from epolltop.sources.recording.container import RAW, framed
from epolltop.sources.recording.forms import CHUNK, form
from epolltop.sources.recording.record_layout import layout_of, members, own_layout
from tests.support.recordings import read
from tests.support.records import A, B, C, P, Q, R, batch, census, create, holding, release
from tests.support.watched import Watched

NEWER = Limit.of(RECORDING_NEWER, epolltop="9.0.0")


class Later(enum.IntEnum):
    """Kinds of events."""

    CREATE = 1
    CREATE_FAILED = 2
    RELEASE = 3
    FOUND = 4
    GONE = 5
    WOKEN = 6


Later.__name__ = Kind.__name__


class Waits(NamedTuple):
    waited: int
    lag: tuple[int, ...]


class Gathering(NamedTuple):
    key: int
    thread: Name
    wakes: int | None = None


def _same(value: Any) -> Any:
    return value


def grown(record: Any, *more: tuple[Any, ...], **types: Any) -> Any:
    """A record with more members, in front of its own where they have no default, and with other types in it."""
    own = [
        (each.name, types.get(each.name, each.hint), *([each.default()] if each.default else []))
        for each in members(record)
    ]
    together = [each for each in more if len(each) == 2] + own + [each for each in more if len(each) == 3]
    if not hasattr(record, "_fields"):
        fields = [
            (name, hint, *(dataclasses.field(default_factory=functools.partial(_same, each)) for each in default))
            for name, hint, *default in together
        ]
        return dataclasses.make_dataclass(record.__name__, fields, frozen=True)
    made: Any = NamedTuple(record.__name__, [(name, hint) for name, hint, *_ in together])  # type: ignore[misc]
    defaults = {name: default[0] for name, _, *default in together if default}
    made.__new__.__defaults__, made._field_defaults = tuple(defaults.values()), defaults
    return made


Event = grown(EventToday, ("weight", int), ("targets", tuple[str, ...], ("?",)), kind=Later)
Holding = grown(HoldingToday, ("epoch", int), ("label", str, "none"))
Process = grown(ProcessToday, ("gatherings", Sequence[Gathering], ()))
Probe = grown(ProbeToday, ("hooks", int))
probes = Annotated[tuple[Probe, ...], msgspec.Meta(max_length=100)]  # type: ignore[valid-type]
Source = grown(SourceToday, ("blind", Mapping[str, int], {}), probes=probes)
holdings = Annotated[Sequence[Holding], STANDING]  # type: ignore[valid-type]
Census = grown(CensusToday, ("by", str), holdings=holdings)
Tomorrow = grown(
    Batch,
    ("waits", Mapping[str, Mapping[ProcessKey, Waits]], {}),
    ("gatherings", Annotated[Sequence[Gathering], STANDING], ()),
    events=Sequence[Event],  # type: ignore[valid-type]
    processes=Mapping[ProcessKey, Process],  # type: ignore[valid-type]
    source=Source,
    census=Census | None,
)
LAYOUT = layout_of(Tomorrow)
TICKS = (
    batch(10, [create(A, 5), create(B, 6, Q)], census(9, holding(A), holding(B, Q)), watches={A: 3}),
    batch(20, [], None, alive=(P, R)),
    batch(30, [release(A, 25, 5)], census(29, holding(B, Q), holding(C, R)), alive=(P, R)),
)


def lifted(record: Any, to: Any, **more: Any) -> Any:
    """The same in tomorrow's words."""
    return to(**{each.name: getattr(record, each.name) for each in members(record.__class__)} | more)


def as_tomorrow(tick: Batch) -> Any:
    """What an epolltop of tomorrow would say of the same, and more."""
    woken = lifted(create(A, tick.now_ns - 1)._replace(name="w\x1b"), Event, kind=Later.WOKEN, weight=1)
    probes = tuple(lifted(probe, Probe, hooks=3) for probe in tick.source.probes)
    taken = tick.census and lifted(
        tick.census,
        Census,
        by="io_uring",
        holdings=[lifted(each, Holding, epoch=1, label="of tomorrow") for each in tick.census.holdings],
    )
    return lifted(
        tick,
        Tomorrow,
        events=[woken, *(lifted(event, Event, weight=9, targets=("socket",)) for event in tick.events), woken],
        processes={
            key: lifted(each, Process, gatherings=(Gathering(key.pid, "main", 7),))
            for key, each in tick.processes.items()
        },
        source=lifted(tick.source, Source, blind={"waits": tick.now_ns}, probes=probes),
        census=taken,
        waits={"epoll_wait": {P: Waits(tick.now_ns, (1, 2)), Q: Waits(5, ())}, f"{tick.now_ns}": {R: Waits(1, (4,))}},
        gatherings=[Gathering(n, "thread", n) for n in range(tick.now_ns, tick.now_ns + 40)],
    )


def as_today(tick: Batch) -> Batch:
    return Decoder().decode(Encoder().encode(dataclasses.replace(tick, processes=tick.processes)))


def contents(ticks: Sequence[Any], record: Any, layout: Any) -> list[bytes]:
    """Written by who knows such batches."""
    write, kept, told = change(record, layout).write, None, []
    for tick in ticks:
        put, kept = write(tick, kept)
        told.append(msgspec.msgpack.encode(put))
    return told


def file_of(told: Sequence[bytes], version: str = "9.0.0") -> bytes:
    deflate = zlib.compressobj(1, zlib.DEFLATED, RAW)
    line = msgspec.json.encode({"epolltop": version, "records": LAYOUT.records, "kinds": LAYOUT.kinds, "more": [1]})
    frames = [
        framed(deflate.compress(raw) + deflate.flush(zlib.Z_SYNC_FLUSH), tick.now_ns)
        for raw, tick in zip(told, TICKS, strict=True)
    ]
    return b"epolltop.recording/2 " + line + b"\n" + b"".join(frames) + framed(b"", TICKS[-1].now_ns)


def test_today_reads_what_tomorrow_writes() -> None:
    ticks, trouble = read(file_of(contents([as_tomorrow(tick) for tick in TICKS], Tomorrow, LAYOUT)))
    assert trouble == ""
    assert {tick.source.limits for tick in ticks} == {(NEWER,)}
    lived, recalled = Watched(tell_all=True), Watched(tell_all=True)
    for tick, again in zip(TICKS, ticks, strict=True):
        plain = dataclasses.replace(again, source=dataclasses.replace(again.source, limits=()))
        told = as_today(tick)
        assert plain == told
        lived.apply(told)
        recalled.apply(plain)
        assert recalled.look() == lived.look()
        lived.begin_window()
        recalled.begin_window()


def test_what_tomorrow_says_of_a_version_is_made_safe() -> None:
    ticks, _ = read(
        file_of(contents([as_tomorrow(tick) for tick in TICKS], Tomorrow, LAYOUT), "9\x1b[31m" + "x" * 9000)
    )
    assert ticks[0].source.limits[0].text("epolltop") == "9\\x1b[31m" + "x" * 14


def later_reads(told: Sequence[bytes], layout: Any) -> list[Any]:
    form_of = change(Tomorrow, layout)
    decode, kept, ticks = msgspec.msgpack.Decoder(form_of.wire).decode, None, []
    for raw in told:
        tick, kept = form_of.read(decode(raw), kept)
        ticks.append(tick)
    return ticks


def test_tomorrow_reads_its_own() -> None:
    ticks = [as_tomorrow(tick) for tick in TICKS]
    again = later_reads(contents(ticks, Tomorrow, LAYOUT), LAYOUT)
    for tick, read_again in zip(ticks, again, strict=True):
        assert read_again.waits == tick.waits
        assert read_again.gatherings == tick.gatherings
        assert read_again.source == tick.source
        assert read_again.census == tick.census
        assert [event.targets for event in read_again.events[1:-1]] == [("socket",)] * (len(tick.events) - 2)
        assert {event.name for event in read_again.events} >= {"w\\x1b"}
        assert {process.gatherings[0].wakes for process in read_again.processes.values()} == {7}


def test_tomorrow_reads_what_today_writes_with_defaults_for_what_is_new() -> None:
    """But not with members that it cannot do without."""
    told = contents(TICKS, Batch, own_layout())
    event = grown(EventToday, ("targets", Name, "?"))
    events = Sequence[event]  # type: ignore[valid-type]
    later = grown(Batch, ("waits", Mapping[str, int], {}), events=events)
    form_of = change(later, own_layout())
    tick, _ = form_of.read(msgspec.msgpack.decode(told[0], type=form_of.wire), None)
    assert (tick.waits, [event.targets for event in tick.events]) == ({}, ["?", "?"])
    assert [event[:-1] for event in tick.events] == list(TICKS[0].events)
    with pytest.raises(Unplayable, match=r"^a recording without \w+\.\w+, which this epolltop needs$"):
        change(Tomorrow, own_layout())


def test_records_are_read_in_pieces() -> None:
    ticks = [as_tomorrow(batch(10, [create(A + n, 5) for n in range(2 * CHUNK + 1)]))]
    (raw,) = contents(ticks, Tomorrow, LAYOUT)
    assert [event.file for event in Decoder(LAYOUT).decode(raw).events] == [A + n for n in range(2 * CHUNK + 1)]


def test_a_type_without_a_form_is_refused_when_it_is_declared() -> None:
    for hint in (dict[str, int], object, Mapping[ProcessKey, int], int | Waits, tuple[int, ProbeToday]):
        with pytest.raises(TypeError, match="no form in a recording"):
            form(hint, own_layout())


def test_each_kind_is_known_by_number_and_name() -> None:
    assert own_layout().kinds["Kind"] == {kind.name: kind.value for kind in Kind}
