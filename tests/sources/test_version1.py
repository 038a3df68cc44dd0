"""Recordings of the first version. `tests/earlier/version1.rec` was recorded under BPF by the last epolltop that wrote
them, and `version1.json` is what that one showed of it after the ticks SHOWN."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from epolltop.model.bounds import FRAME_CHARS_MAX, TEXT_CHARS_MAX
from epolltop.model.limits import ONLY_PROC, Limit
from epolltop.output.formats import as_json
from epolltop.output.report import Report
from epolltop.query.view import PROCESSES, View
from epolltop.sources.recording import version1
from epolltop.sources.recording.value_form import Damaged
from tests.support.recordings import opened
from tests.support.watched import Watched

EARLIER = Path(__file__).parent.parent / "earlier"
SHOWN = (1, 4, 8)


def snapshots(path: Path) -> Iterator[Any]:
    """Snapshot documents with all events up to then."""
    recording = opened(path)
    world = Watched(tell_all=True)
    for number in range(len(recording.times)):
        world.apply(recording.poll())
        snapshot = world.look()
        if number in SHOWN:
            report = Report(snapshot, View(PROCESSES, sort="open"), snapshot.processes, events=tuple(snapshot.journal))
            yield json.loads("".join(as_json(report)))
        world.begin_window()
    recording.close()


def missing(told: Any, shown: Any, at: str = "") -> Iterator[str]:
    """Where something else is shown than was told; members may have come."""
    if isinstance(told, dict) and isinstance(shown, dict):
        for name, value in told.items():
            yield from missing(value, shown.get(name, "nothing"), f"{at}.{name}")
    elif isinstance(told, list) and isinstance(shown, list) and len(told) == len(shown):
        for number, (one, other) in enumerate(zip(told, shown, strict=True)):
            yield from missing(one, other, f"{at}[{number}]")
    elif told != shown:
        yield f"{at}: {told!r} was {shown!r}"


@pytest.mark.parametrize("version", [1, 2])
def test_it_shows_what_it_showed_then(version: int) -> None:
    """That of version 2 is the same, written by the first epolltop that named members: no name may change since."""
    stored = json.loads((EARLIER / "version1.json").read_text())
    assert [document["totals"]["created"] for document in stored] == [4, 12, 12]
    assert list(missing(stored, list(snapshots(EARLIER / f"version{version}.rec")))) == []


KEY, HOST = [100, 1000], ["host", "6.1", "x86_64"]
PROBES = [{"name": "epoll_create", "attached_to": "here", "traces": True}]
SOURCE = {"kind": "bpf", "host": HOST, "probes": PROBES, "census_by": "iterator"}
EVENT = [1, 5, 0xA00, 5, 100, 100, 1, 0, 1000, 7, "name", 3, 0, 2, 0, False, False, 5]
HELD = [0xA00, 5, 1000, 100, 3, 0, 2]
PROCESS = [KEY, 1, "name", "command", 0, "root", "/", 9, 1024]


def content(**members: Any) -> bytes:
    """A tick as an epolltop wrote it that did not know of containers, stacks or who creates."""
    tick: dict[str, Any] = {
        "since_ns": 0,
        "now_ns": 10,
        "wall_ns": 10,
        "source": SOURCE,
        "cost": [1, 1],
        "totals": [1, 0, 0, 0],
        "events": [EVENT],
        "counts": {(100, 1000): [1]},
        "counts_gone": [],
        "processes": {(100, 1000): PROCESS},
        "processes_gone": [],
        "census": [9, True, False, [HELD], [], []],
        "watches": {0xA00: 3},
        "users": {7: "gone"},
    }
    assert members.keys() <= tick.keys()
    return msgspec.msgpack.encode(list((tick | members).values()))


def test_members_that_a_file_lacks_have_their_defaults() -> None:
    tick = version1.decoder().decode(content())
    (process,), (event,) = tick.processes.values(), tick.events
    assert (process.container, process.ns_pid, process.command_bytes, event.stack) == (None, None, None, ())
    assert tick.census is not None
    assert [(each.fd, each.creator, each.cloexec) for each in tick.census.holdings] == [(3, 0, None)]
    assert (dict(tick.watches), dict(tick.users), tick.source.kind) == ({0xA00: 3}, {7: "gone"}, "replay")


def test_what_changed_is_told_and_what_was_read_in_a_tick_is_of_that_tick() -> None:
    decoder = version1.decoder()
    first = decoder.decode(content())
    other = [*HELD[:4], 4, *HELD[5:]]
    second = decoder.decode(
        content(counts={}, processes={}, watches={}, users={}, census=[9, True, False, None, [], [[1, other]], [KEY]])
    )
    third = decoder.decode(
        content(counts={}, counts_gone=[KEY], processes={}, processes_gone=[KEY], census=[9, True, True, None, [], []])
    )
    assert (second.counts, second.processes) == (first.counts, first.processes)
    assert (second.watches, second.users) == ({}, {})
    assert (third.counts, third.processes) == ({}, {})
    assert second.census is not None
    assert third.census is not None
    assert [each.fd for each in second.census.holdings] == [3, 4]
    assert third.census.holdings is second.census.holdings
    assert second.census.cut == {(100, 1000)}


@pytest.mark.parametrize(
    "members",
    [
        {"events": [[6, *EVENT[1:]]]},
        {"events": [[*EVENT[:8], -1, *EVENT[9:]]]},
        {"events": [[*EVENT, ["a"] * 65]]},
        {"events": [[*EVENT, ["a" * (TEXT_CHARS_MAX + 1)]]]},
        {"processes": {(1, 2): PROCESS}},
        {"census": [9, True, False, [[*HELD[:6], 3]], [], []]},
        {"users": {7: "a" * 257}},
        {"source": SOURCE | {"probes": []}},
        {"wall_ns": -1},
        {"now_ns": 10, "since_ns": 11},
    ],
    ids=str,
)
def test_what_no_source_said_is_damage(members: dict[str, Any]) -> None:
    with pytest.raises(Damaged):
        version1.decoder().decode(content(**members))


def test_a_frame_is_cut_where_it_is_longer_than_any_that_is_written_now() -> None:
    whole, cut = "f" * FRAME_CHARS_MAX, "f" * (FRAME_CHARS_MAX - 1) + "…"
    for length, shown in ((FRAME_CHARS_MAX, whole), (FRAME_CHARS_MAX + 1, cut), (TEXT_CHARS_MAX, cut)):
        (event,) = version1.decoder().decode(content(events=[[*EVENT, ["f" * length, "main\x1b"]]])).events
        assert event.stack == (shown, "main\\x1b")


def test_what_could_not_be_seen_were_sentences() -> None:
    told = SOURCE | {"fallback": "it was \x1b not root", "blind_spots": ["it sees\tlittle"]}
    assert version1.decoder().decode(content(source=told)).source.limits == (
        Limit.told(r"it was \x1b not root", ONLY_PROC),
        Limit.told(r"it sees\x09little"),
    )
