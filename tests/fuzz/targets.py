"""What is fuzzed: each makes a case of a seeded chance, and says whether it is answered rightly."""

from __future__ import annotations

import json
import random
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from epolltop.errors import SourceEnded, Unplayable
from epolltop.model.process_selection import Selection
from epolltop.output.formats import FORMATS
from epolltop.output.report import Report
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.filter import parse_over
from epolltop.query.instance_fields import INSTANCE_FIELDS
from epolltop.query.limit_catalogue import words
from epolltop.query.mistake import FilterError
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.view import SUBJECTS, View, look
from epolltop.saved.opening import open_saved
from epolltop.sources.bpf import wire
from epolltop.sources.recording import version1
from epolltop.sources.recording.codec import Decoder
from epolltop.sources.recording.container import FRAME, RAW, framed
from epolltop.sources.recording.reader import Recording
from epolltop.sources.recording.value_form import Damaged
from tests.fuzz.mutation import NUMBERS, TEXTS, junk, mutated_bytes, mutated_tree
from tests.support.examples import EVENTS, exact
from tests.support.recorded_ticks import TICKS
from tests.support.recordings import content
from tests.support.watched import Watched

EARLIER = Path(__file__).parent.parent / "earlier"
WHY_CHARS_MAX = 500
"""Of a sentence that says why something is refused."""


class Wrong(Exception):
    """It was answered wrongly: how."""


@dataclass(frozen=True)
class Target:
    """Something that takes what comes from outside."""

    make: Callable[[random.Random], bytes]
    check: Callable[[bytes], None]
    """Raises Wrong, or whatever escaped."""


def _sentence(why: str) -> None:
    if len(why) > WHY_CHARS_MAX or not why.isprintable():
        raise Wrong(f"a message of {len(why)} characters: {why[:600]!r}")


def _written(report: Report[Any]) -> None:
    for name, write in FORMATS.items():
        for part in write(report):
            strange = [char for char in part if (char < " " and char not in "\r\n") or "\x7f" <= char < "\xa0"]
            if strange:
                raise Wrong(f"{name} has {strange[:5]!r}")


def _shown(path: Path) -> None:
    """What replay does of it, in every format."""
    try:
        saved = open_saved(path, Selection(), onwards=True)
    except Unplayable as error:
        return _sentence(str(error))
    snapshot = saved
    if isinstance(saved, Recording):
        world = Watched(tell_all=True)
        try:
            while True:
                world.apply(saved.poll())
                snapshot = world.look()
                world.begin_window()
        except SourceEnded:
            _sentence(words(saved.ends_early) if saved.ends_early else "")
        except Unplayable as error:
            return _sentence(str(error))
        finally:
            saved.close()
    assert not isinstance(snapshot, Recording)
    for subject in SUBJECTS.values():
        view: View[Any] = View(subject)
        _written(Report(snapshot, view, look(snapshot, view), events=tuple(snapshot.journal)))
    return None


def _file(raw: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        _shown(Path(file.name))


# Recordings.


class _Whole(NamedTuple):
    """A recording."""

    raw: bytes

    @property
    def line(self) -> bytes:
        """The first."""
        return self.raw[: self.raw.index(b"\n") + 1]

    def frames(self) -> list[tuple[int, bytes]]:
        """Time and unpacked content of each."""
        inflate, at, found = zlib.decompressobj(RAW), len(self.line), []
        while at < len(self.raw):
            length, _, now_ns = FRAME.unpack_from(self.raw, at)
            at += FRAME.size + length
            if length:
                found.append((now_ns, inflate.decompress(self.raw[at - length : at])))
        return found


_WHOLES = [_Whole(content(TICKS)), _Whole((EARLIER / "ticks.rec").read_bytes())]


def _packed(line: bytes, frames: list[tuple[int, bytes]]) -> bytes:
    deflate = zlib.compressobj(1, zlib.DEFLATED, RAW)
    parts = [framed(deflate.compress(raw) + deflate.flush(zlib.Z_SYNC_FLUSH), now_ns) for now_ns, raw in frames]
    return b"".join([line, *parts, framed(b"", frames[-1][0] if frames else 0)])


def _recording(chance: random.Random) -> bytes:
    whole = chance.choice(_WHOLES)
    line, frames = whole.line, whole.frames()
    at = chance.randrange(len(frames))
    now_ns, raw = frames[at]
    match chance.randrange(5):
        case 0:
            return mutated_bytes(whole.raw, chance)
        case 1:
            frames[at] = now_ns, mutated_bytes(raw, chance)
        case 2:
            chance.shuffle(frames)
        case 3:
            line = _line(line, chance)
        case _:
            tree = mutated_tree(msgspec.msgpack.decode(raw, strict=False), chance)
            try:
                frames[at] = now_ns, msgspec.msgpack.encode(tree)
            except (OverflowError, TypeError, msgspec.MsgspecError):
                return b"epolltop.recording/1 {}\n"
    return _packed(line, frames)


def _line(line: bytes, chance: random.Random) -> bytes:
    """Of a file whose records have other members, or the same in another order."""
    magic, _, described = line.partition(b" ")
    head = json.loads(described)
    for names in head.get("records", {}).values():
        if chance.random() < 0.3:
            chance.shuffle(names)
    return b"%s %s\n" % (magic, json.dumps(mutated_tree(head, chance) if chance.random() < 0.7 else head).encode())


# Snapshot files.


def _document() -> str:
    made, view = exact(), View(SUBJECTS["processes"])
    return "".join(FORMATS["json"](Report(made, view, look(made, view), events=EVENTS)))


_DOCUMENT = _document()


def _snapshot(chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return b"{" + mutated_bytes(_DOCUMENT.encode()[1:], chance)
    return json.dumps(mutated_tree(json.loads(_DOCUMENT), chance), ensure_ascii=chance.random() < 0.5).encode()


# Filters.

_FIELDS: tuple[Any, ...] = (*PROCESS_FIELDS, *INSTANCE_FIELDS, *EVENT_FIELDS)
_NAMES = sorted({name for field in _FIELDS for name in (field.id, field.title)})
_SIGNS = [":", "=", "!=", "!:", "~", "!~", ">", ">=", "<", "<=", "==", "=~", "&&", "||", "&", "|", "(", ")", "*", "?"]
_WORDS = ["and", "or", "not", "nginx", '"a b"', "'", '"', "\\", "1k", "5m", ".*", "(a|b)+", "[", "{1,1000}", "\x00"]


def _filter(chance: random.Random) -> bytes:
    if chance.random() < 0.2:
        return chance.randbytes(chance.randrange(60))
    kinds = [_NAMES, _SIGNS, _WORDS, TEXTS, list(map(str, NUMBERS))]
    words = [chance.choice(chance.choice(kinds)) for _ in range(chance.randrange(14))]
    return chance.choice(["", " "]).join(words).encode("utf-8", "surrogateescape")


_ROWS = exact()


def _filtered(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape")
    for subject in SUBJECTS.values():
        try:
            predicate = parse_over(subject.fields, text)
        except FilterError as error:
            _sentence(error.message)
            continue
        view: View[Any] = View(subject, predicate)
        look(_ROWS, view)


# What the probes hand over. Kinds and calls are the probes' own: others are a defect of ours.


def _event(chance: random.Random) -> bytes:
    raw = bytearray(chance.randbytes(wire.EVENT.size))
    head = struct.calcsize("=QQQQQIIIIiI")
    raw[head : head + 2] = bytes((chance.randint(1, 3), chance.randint(0, 2)))
    return bytes(raw) + chance.randbytes(chance.randrange(wire.STACK.size + 8))


def _decoded(raw: bytes) -> None:
    event = wire.decode_event(raw)
    if not event.name.isprintable():
        raise Wrong(f"a name: {event.name!r}")
    if stack := wire.stack_bytes(raw):
        wire.decode_stack(stack)
    tables = raw[: len(raw) - len(raw) % wire.HOLDING.size]
    for table in wire.census_tables(tables):
        wire.decode_table(table)


def _content(chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return msgspec.msgpack.encode(junk(chance))
    return mutated_bytes(chance.choice(_WHOLES).frames()[0][1], chance)


def _decoded_content(raw: bytes) -> None:
    for decoder in (Decoder(), version1.decoder()):
        try:
            decoder.decode(raw)
        except Damaged:
            continue


TARGETS = {
    "recordings": Target(_recording, _file),
    "contents": Target(_content, _decoded_content),
    "snapshots": Target(_snapshot, _file),
    "filters": Target(_filter, _filtered),
    "events": Target(_event, _decoded),
}
