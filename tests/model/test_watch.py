"""Interest lists can be recorded, and events have the names that programmers know."""

from __future__ import annotations

import select
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import pytest

from epolltop.model.bounds import TARGET_CHARS_MAX
from epolltop.model.watch import NOT_SEEN, InterestList, Target, TargetKind, Watch, event_names
from epolltop.sources.recording.forms import form
from epolltop.sources.recording.record_layout import layout_of
from epolltop.sources.recording.value_form import Damaged, read_column


@dataclass(frozen=True)
class Tick:
    interest: Mapping[int, InterestList]


LIST = InterestList(
    (
        Watch(
            7,
            select.EPOLLIN | 1 << 31,
            (1 << 64) - 1,
            Target(TargetKind.TCP, "[::1]:80", (("state", "LISTEN"), ("waiting", 0))),
            False,
            True,
        ),
        Watch(7, 0, 0, NOT_SEEN, None, None, 1 << 63),
    ),
    more=3,
    unnamed=1,
)


def reread(lists: Mapping[int, InterestList]) -> Mapping[int, InterestList]:
    hint = Mapping[int, InterestList]
    of_lists = form(hint, layout_of(Tick))
    told = of_lists.write(lists) if of_lists.write else lists
    (read,) = read_column(of_lists, [msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=of_lists.wire)])
    return dict(read)


def test_they_can_be_recorded() -> None:
    assert reread({5: LIST}) == {5: LIST}


def test_a_recording_is_bounded() -> None:
    watch = LIST.watches[0]
    long = watch._replace(target=watch.target._replace(text="x" * (TARGET_CHARS_MAX + 1)))
    for each in (InterestList((long,)), InterestList((watch,) * 10_001)):
        with pytest.raises((Damaged, msgspec.ValidationError)):
            reread({5: each})


def test_events_are_words() -> None:
    assert event_names(0x8000201D) == ("EPOLLIN", "EPOLLOUT", "EPOLLERR", "EPOLLHUP", "EPOLLRDHUP", "EPOLLET")
    assert event_names(select.EPOLLIN | 1 << 25) == ("EPOLLIN", "0x2000000")
    assert event_names(0) == ()
