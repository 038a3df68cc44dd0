"""Members by lengths of a file: whatever a file of a megabyte holds, it takes 300 MB and ten seconds at most."""

from __future__ import annotations

import dataclasses
import io
import json
import random
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import msgspec
import pytest

from epolltop.model.batch import Batch
from epolltop.model.bounds import (
    EVIDENCE_MAX,
    FRAME_CHARS_MAX,
    FRAMES_MAX,
    NAME_CHARS_MAX,
    NOTE_CHARS_MAX,
    NOTES_MAX,
    TEXT_CHARS_MAX,
    USERS_MAX,
)
from epolltop.model.counts import Counts
from epolltop.model.holding import Census, Holding
from epolltop.model.limits import Limit
from epolltop.model.process import Process, ProcessKey
from epolltop.model.process_selection import Selection
from epolltop.model.source import Probe
from epolltop.output.formats import as_json
from epolltop.output.report import Report
from epolltop.query.view import PROCESSES, View
from epolltop.sources.recording import changes
from epolltop.sources.recording.codec import Decoder
from epolltop.sources.recording.container import RAW, framed
from epolltop.sources.recording.file_header import MEMBERS_MAX
from epolltop.sources.recording.record_layout import own_layout
from epolltop.sources.recording.recorder import Recorder
from epolltop.sources.recording.value_form import Damaged
from tests.support.examples import EVENTS, exact
from tests.support.fake_source import FakeSource
from tests.support.recordings import first_line, read
from tests.support.records import A, P, batch, census, create, holding

SECONDS, MEGABYTES = 10, 300
FILE_BYTES = 1 << 20
MANY = 16_000
BASE = batch(10, [create(A, 5)], census(9, holding(A)), alive=(P,))
ODD = "\U0001f600\x01"  # four bytes a character, and what is escaped

RUN = """
import re, sys, time
from epolltop.cli import main
began = time.process_time()
code = main(sys.argv[1:])
sys.stdout.flush()
peak = re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]  # ru_maxrss counts who forked us, too
print(code, time.process_time() - began, int(peak) >> 10, file=sys.stderr)
"""


class Cost(NamedTuple):
    code: int
    seconds: float
    megabytes: int


def cost(path: Path, *front_end: str) -> Cost:
    """Of a front end in a process of its own; seconds are of CPU, since others use the machine."""
    run = [sys.executable, "-c", RUN, "replay", str(path), *front_end]
    ended = subprocess.run(run, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True, timeout=100)
    code, seconds, megabytes = ended.stderr.split()[-3:]
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr) < 1500
    return Cost(int(code), float(seconds), int(megabytes))


def packed(path: Path, contents: Iterable[bytes], *, most: int = FILE_BYTES, line: bytes = b"") -> Path:
    """A recording of these contents from the nanosecond 10 on, as many as there is room for in a file so long."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, RAW)
    written = line or first_line()
    for number, content in enumerate(contents):
        frame = framed(deflate.compress(content) + deflate.flush(zlib.Z_SYNC_FLUSH), 10 + number)
        if len(written) + len(frame) > most:
            break
        written += frame
    path.write_bytes(written)
    return path


def unbounded(told: Batch) -> bytes:
    """As somebody writes it who keeps to no bound."""
    with (
        mock.patch.object(changes, "_cutter", return_value=None),
        mock.patch.object(changes, "most", return_value=None),
        mock.patch.object(changes, "RECORDS_MAX", 1 << 40),
    ):
        return msgspec.msgpack.encode(changes.change(Batch, own_layout()).write(told, None)[0])


def source(**changes: Any) -> Batch:
    return dataclasses.replace(BASE, source=dataclasses.replace(BASE.source, **changes))


def process(number: int = 1, **changes: Any) -> tuple[ProcessKey, Process]:
    key = ProcessKey(number, 7000)
    return key, Process(key, 1, "a", "a", 0, "root", "/", 3, 1024)._replace(**changes)


def processes(count: int, **changes: Any) -> Batch:
    return dataclasses.replace(BASE, processes=dict(process(number, **changes) for number in range(1, count + 1)))


def held(holdings: Iterable[Holding]) -> Batch:
    return dataclasses.replace(BASE, census=Census(9, list(holdings), True))


LENGTHY: dict[str, Callable[[int], Batch]] = {
    "note": lambda length: source(limits=(Limit.told(ODD * length),)),
    "notes": lambda length: source(limits=tuple(Limit(f"{n}") for n in range(length))),
    "evidence": lambda length: source(limits=(Limit("a", tuple((f"{n}", n) for n in range(length))),)),
    "census by": lambda length: source(census_by=ODD * length),
    "probes": lambda length: source(probes=tuple(Probe(f"{n}", "a", True) for n in range(length))),
    "probe": lambda length: source(probes=(Probe(ODD * length, "a", True),)),
    "host": lambda length: source(host=BASE.source.host._replace(hostname=ODD * length)),
    "user": lambda length: dataclasses.replace(BASE, users={7: ODD * length}),
    "users": lambda length: dataclasses.replace(BASE, users={n: "a" for n in range(length)}),
    "name": lambda length: processes(1, name=ODD * length),
    "command": lambda length: processes(1, command=ODD * length),
    "cgroup": lambda length: processes(1, cgroup=ODD * length),
    "container": lambda length: processes(1, container=ODD * length),
    "actor": lambda length: dataclasses.replace(BASE, events=[create(A, 5)._replace(name=ODD * length)]),
    "frame": lambda length: dataclasses.replace(BASE, events=[create(A, 5)._replace(stack=(ODD * length,))]),
    "stack": lambda length: dataclasses.replace(BASE, events=[create(A, 5)._replace(stack=("a",) * length)]),
    "commands": lambda length: processes(min(length, 3000), command=ODD * (length // 4)),
    "names": lambda length: processes(min(length, 3000), name=ODD * (length // 4)),
    "holders": lambda length: held(Holding(A, 0, 7000, 100 + n, 3, 0, 0) for n in range(length)),
    "descriptors": lambda length: held(Holding(A, 0, 7000, 42, 3 + n, 0, 0) for n in range(length)),
    "instances": lambda length: held(Holding(A + 64 * n, 0, 7000, 42, 3 + n, 0, 0) for n in range(length)),
    "events": lambda length: dataclasses.replace(
        BASE, events=[create(A + 64 * n, 5)._replace(pid=n % 999 + 1) for n in range(length)]
    ),
    "counts": lambda length: dataclasses.replace(BASE, counts={ProcessKey(n, 7): Counts(1) for n in range(length)}),
    "watches": lambda length: dataclasses.replace(BASE, watches=dict.fromkeys(range(length), 1)),
}
BOUNDED = {"holders", "descriptors", "instances", "events", "counts", "watches"}  # by the size of the file only


@pytest.mark.parametrize("member", LENGTHY)
def test_a_member_of_any_length_is_cheap(tmp_path: Path, member: str) -> None:
    """So long that a file of a megabyte has no room for more."""
    told = unbounded(LENGTHY[member](MANY))
    path = packed(tmp_path / "file", [told])
    if path.stat().st_size < 100:  # it does not shrink to a megabyte
        path = packed(tmp_path / "file", [told], most=64 << 20)
    taken = cost(path, "snapshot")
    assert taken.code in (0, 1)
    assert taken.code == 1 or member in BOUNDED
    assert taken.seconds < SECONDS
    assert taken.megabytes < MEGABYTES


SKIPPED = {"Event": "stack", "Holding": "cloexec", "Process": "container", "Counts": "failed"}


def other_line(**more: int) -> bytes:
    """Of a file with members that today's reader does not know: in place of one of some records, and so many more."""
    records = {name: list(names) for name, names in own_layout().records.items()}
    for record, member in SKIPPED.items():
        records[record][records[record].index(member)] = "unknown"
    for record, count in more.items():
        records[record] += [f"unknown {number}" for number in range(count)]
    return first_line().replace(msgspec.json.encode(own_layout().records), msgspec.json.encode(records))


@pytest.mark.parametrize("member", ["names", "commands", "instances", "events", "counts"])
def test_a_member_of_any_length_is_cheap_in_a_file_of_another_epolltop(tmp_path: Path, member: str) -> None:
    taken = cost(packed(tmp_path / "file", [unbounded(LENGTHY[member](MANY))], line=other_line()), "snapshot")
    assert taken.code == (0 if member in BOUNDED else 1)
    assert taken.seconds < SECONDS
    assert taken.megabytes < MEGABYTES


def test_what_is_skipped_is_cheap(tmp_path: Path) -> None:
    chance = random.Random(1)
    unknown = MEMBERS_MAX - len(own_layout().records["Event"])
    told = msgspec.msgpack.decode(unbounded(LENGTHY["events"](4000)), strict=False)
    events = told[own_layout().records["Batch"].index("events")]
    for event in events:
        event.extend(chance.choices(range(4), k=unknown))
    path = packed(tmp_path / "file", [msgspec.msgpack.encode(told)], line=other_line(Event=unknown))
    taken = cost(path, "snapshot")
    assert taken.code == 0
    assert taken.seconds < SECONDS
    assert taken.megabytes < MEGABYTES


def many_ticks(told: Callable[[int], Batch]) -> Iterable[bytes]:
    return (unbounded(dataclasses.replace(told(n), since_ns=1, now_ns=10 + n)) for n in range(1 << 20))


REPEATED: dict[str, Callable[[int], Batch]] = {
    "processes": lambda n: processes(900, command=ODD * 800),
    "holdings": lambda n: held(Holding(A, 0, 7000, 100 + i, 3 + n, 0, 0) for i in range(1500)),
    "stacks": lambda n: dataclasses.replace(
        BASE, census=None, events=[create(A, 10 + n)._replace(stack=(f"{n}",) * FRAMES_MAX) for i in range(900)]
    ),
}


@pytest.mark.parametrize("member", REPEATED)
def test_what_shrinks_to_nothing_is_not_worked_at_for_hours(tmp_path: Path, member: str) -> None:
    path = packed(tmp_path / "file", (next(each) for each in [iter(many_ticks(REPEATED[member]))] for _ in range(40)))
    taken = cost(path, "snapshot")
    assert taken.seconds < SECONDS
    assert taken.megabytes < MEGABYTES


def written(told: Batch) -> bytes:
    file = io.BytesIO()
    file.close = lambda: None  # type: ignore[method-assign]
    recorder = Recorder(FakeSource([told] * 3), file, "", Selection())
    for _ in range(3):
        recorder.poll()
    recorder.close()
    return file.getvalue()


FULL = {
    "notes": source(limits=(Limit.told("ä" * NOTE_CHARS_MAX),) * NOTES_MAX),
    "names": processes(2, name="a" * NAME_CHARS_MAX, user="u" * NAME_CHARS_MAX, command="c" * TEXT_CHARS_MAX),
    "users": dataclasses.replace(BASE, users={n: "u" * NAME_CHARS_MAX for n in range(USERS_MAX)}),
    "stack": dataclasses.replace(
        BASE, events=[create(A, 5)._replace(stack=("f" * FRAME_CHARS_MAX,) * FRAMES_MAX)] * 100
    ),
    "what shrinks to nothing": processes(1000, command="same " * 8000),
}


@pytest.mark.parametrize("full", FULL)
def test_what_a_source_may_tell_is_read_again(full: str) -> None:
    batches, trouble = read(written(FULL[full]))
    assert (len(batches), trouble) == (3, "")
    assert batches[0].processes == FULL[full].processes
    assert batches[0].users == FULL[full].users
    assert batches[0].source.limits == FULL[full].source.limits


@pytest.mark.parametrize("over", ["note", "notes", "evidence", "user", "users", "name", "command", "stack", "probes"])
def test_one_more_is_damage(over: str) -> None:
    bound = {
        "note": NOTE_CHARS_MAX,
        "notes": NOTES_MAX,
        "evidence": EVIDENCE_MAX,
        "probes": NOTES_MAX,
        "users": USERS_MAX,
        "command": TEXT_CHARS_MAX,
        "stack": FRAMES_MAX,
    }.get(over, NAME_CHARS_MAX)
    in_characters = over not in ("notes", "evidence", "users", "stack", "probes")
    length = bound // 5 if in_characters else bound  # an odd pair is five when it is safe
    Decoder().decode(unbounded(LENGTHY[over](length)))
    with pytest.raises(Damaged):
        Decoder().decode(unbounded(LENGTHY[over](length + 1)))


def test_what_a_source_tells_too_much_of_is_cut_not_lost() -> None:
    told = dataclasses.replace(
        source(limits=(Limit.told("x" * 5000),) * 300), users={n: "u" for n in range(USERS_MAX + 5)}
    )
    (again, *_), trouble = read(written(told))
    assert trouble == ""
    assert again.source.limits == (Limit.told("x" * NOTE_CHARS_MAX),) * NOTES_MAX
    assert len(again.users) == USERS_MAX


# Snapshot files.


def document(**changes: Any) -> dict[str, Any]:
    made = exact()
    parts = as_json(Report(made, View(PROCESSES), made.processes, events=EVENTS))
    return {**json.loads("".join(parts)), **changes}


def _first(part: str, **changes: Any) -> dict[str, Any]:
    whole = document()
    whole[part][0] |= changes
    return whole


def _instance(**changes: Any) -> dict[str, Any]:
    whole = document()
    whole["processes"][0]["instances"][0] |= changes
    return whole


JSON: dict[str, Callable[[], dict[str, Any]]] = {
    "name": lambda: _first("processes", name=ODD * 150_000),
    "command": lambda: _first("processes", command=ODD * 150_000),
    "holders": lambda: _instance(holders=list(range(1, 150_000))),
    "descriptors": lambda: _instance(fds=list(range(150_000))),
    "stack": lambda: _instance(stack=["a"] * 250_000),
    "provenance": lambda: _instance(provenance="x" * 1_000_000),
    "flags": lambda: _instance(flags=["EPOLL_CLOEXEC"] * 60_000),
    "error": lambda: _first("events", epoll=document()["events"][0]["epoll"] | {"errno": "9" * 1_000_000}),
    "blind spots": lambda: document(source=document()["source"] | {"blind_spots": ["a"] * 250_000}),
    "instances": lambda: _first("processes", instances=document()["processes"][0]["instances"][:1] * 3000),
    "processes": lambda: document(processes=document()["processes"] * 400),
}


@pytest.mark.parametrize("member", JSON)
def test_a_snapshot_file_of_any_members_is_cheap(tmp_path: Path, member: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(msgspec.json.encode(JSON[member]()))
    taken = cost(path, "snapshot")
    assert taken.code in (0, 1)
    assert taken.seconds < SECONDS
    assert taken.megabytes < MEGABYTES
