"""What the details of a process say about its descriptors, and about where it waits."""

from __future__ import annotations

from typing import Any

import pytest

from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.thread_waits import ThreadWaits
from epolltop.query.process_story import process_story
from tests.support.rows import instance, loop_row, process_row, snapshot


def told(**known: Any) -> dict[str | None, str]:
    """By label."""
    return dict(process_story(process_row(42, name="worker", **known), snapshot()))


def test_the_kinds_that_there_are_are_listed() -> None:
    counted = Descriptors(socket=1204, pipe=1, epoll=2, inotify=1, io_uring=2, other=3)
    assert told(descriptors=counted, fd_limit=4096) == {
        None: "process worker (42)",
        "descriptors": "1,213 of at most 4,096: 1,204 sockets, 1 pipe, 2 epoll descriptors, 1 inotify descriptor, "
        "2 io_uring rings, 3 others",
        "waits": "?: epolltop has not looked at its threads",
    }


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"fds": 12}, "12 of at most 1,024; their kinds are not known"),
        ({"fds": None, "fd_limit": None}, "?; their kinds are not known"),
        ({"fds": 12, "fd_limit": None, "descriptors": Descriptors(eventfd=13)}, "13: 13 eventfds"),
        ({"descriptors": Descriptors()}, "0 of at most 1,024"),
    ],
)
def test_what_is_not_known_is_not_nothing(known: dict[str, object], says: str) -> None:
    assert told(**known)["descriptors"] == says


@pytest.mark.parametrize(
    ("waits", "says"),
    [
        (ThreadWaits(io_uring=2), "in io_uring (2 threads); not in epoll"),
        (ThreadWaits(poll=1, select=3), "in poll (1 thread), select (3 threads); not in epoll"),
        (ThreadWaits(), "no thread of it waits in epoll, poll, select or io_uring now"),
        (None, "?: epolltop has not looked at its threads"),
    ],
)
def test_who_has_no_event_loop_is_explained(waits: ThreadWaits | None, says: str) -> None:
    assert told(thread_waits=waits)["waits"] == says


def test_who_has_one_needs_no_explanation() -> None:
    held = instance(1)
    assert "waits" not in told(instances=(held,), loops=(loop_row(held),))
