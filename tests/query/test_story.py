"""Stories are read by people: each test reads one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.model.event import Event, Kind, Syscall
from epolltop.model.instance import Held, Holder
from epolltop.model.limits import THREAD_TABLES_UNSEEN, Limit
from epolltop.model.snapshot import Snapshot
from epolltop.model.watch import NOT_SEEN, InterestList, Target, TargetKind, Watch
from epolltop.query.interest_story import WATCHES_TOLD
from epolltop.query.story import StoryLine, event_story, instance_story
from tests.support.records import NOW_NS, SECOND_NS, event
from tests.support.rows import instance, process_row, snapshot

BORN = NOW_NS - 5 * SECOND_NS
HELD = instance(1, holders=((42, (8, 9)), (77, (5,))), watches=3)._replace(since_ns=BORN)
NGINX = process_row(42, name="nginx", command="nginx -w", user="www-data", uid=33, instances=(HELD,), fds=5, fd_limit=9)
PHP = process_row(77, name="php", instances=(HELD,))
CREATED = event(file=1, since_ns=BORN, created_ns=BORN, time_ns=BORN, pid=42, start=7000, name="nginx", fd=8, uid=33)
RELEASED = CREATED._replace(kind=Kind.RELEASE, time_ns=NOW_NS - SECOND_NS, fd=None, pid=77, name="php")


def told(lines: list[StoryLine]) -> dict[str, str]:
    """By label; the headline under "headline"."""
    return {"headline" if label is None else label: said for label, said in lines}


def of(happened: Event, world: Snapshot) -> dict[str, str]:
    return told(event_story(happened, world))


def test_a_creation_tells_what_by_whom_and_who_holds_it_now() -> None:
    story = of(CREATED, snapshot(NGINX, PHP, journal=(CREATED,)))
    assert story["headline"] == "nginx (42) created an epoll instance"
    assert story["when"].endswith(", 5.0s ago")
    assert story["call"] == "epoll_create1(EPOLL_CLOEXEC) returned descriptor 8"
    assert story["who"] == "thread 43 (nginx), of nginx -w, child of 1, as www-data (33), 5 of 9 descriptors in use now"
    assert story["instance"] == HELD.id
    assert story["now"] == "still open, held by nginx (42) as descriptors 8, 9; php (77) as descriptor 5"


def test_a_creation_whose_instance_was_released_tells_by_whom_and_after_how_long() -> None:
    story = of(CREATED, snapshot(process_row(42), journal=(CREATED, RELEASED)))
    assert story["now"] == "released after 4 seconds, by php (77)"


def test_a_creation_whose_end_was_not_seen_does_not_guess() -> None:
    assert of(CREATED, snapshot(journal=(CREATED,)))["now"] == "no longer open; how it ended is not in the journal"


def test_a_failure_says_why_in_words() -> None:
    failed = CREATED._replace(kind=Kind.CREATE_FAILED, errno=24, fd=None, file=0, since_ns=0, created_ns=0)
    story = of(failed, snapshot(NGINX))
    assert story["headline"] == "nginx (42) could not create an epoll instance"
    assert story["call"] == "epoll_create1(EPOLL_CLOEXEC) failed with EMFILE: too many open files"
    assert "now" not in story


def test_a_size_is_told_as_a_size() -> None:
    sized = CREATED._replace(syscall=Syscall.EPOLL_CREATE, argument=1024)
    assert of(sized, snapshot())["call"] == "epoll_create(size=1024) returned descriptor 8"


@pytest.mark.parametrize(
    ("changes", "note"),
    [({"by_kernel": True}, "a kernel thread did it"), ({"by_census": True}, "who closed it is not known")],
)
def test_what_an_actor_is_not_is_said(changes: dict[str, bool], note: str) -> None:
    assert note in of(RELEASED._replace(**changes), snapshot())["note"]  # type: ignore[arg-type]


def test_what_only_a_census_knows() -> None:
    found = CREATED._replace(kind=Kind.FOUND, created_ns=0, tid=0)
    assert of(found, snapshot(NGINX, PHP))["headline"].endswith("whose creation was not seen")
    gone = CREATED._replace(kind=Kind.GONE)
    assert of(CREATED, snapshot(journal=(CREATED, gone)))["now"].startswith("gone since")


def test_nobody_is_made_up() -> None:
    unknown = RELEASED._replace(pid=0, name="", file=0, since_ns=0)
    story = of(unknown, snapshot())
    assert story["headline"].startswith("nobody known dropped the last reference")
    assert story["now"] == "the instance is not known"


def test_the_history_of_a_live_instance() -> None:
    story = told(instance_story((1, BORN), snapshot(NGINX, PHP)))
    assert story["headline"] == f"epoll instance {HELD.id}"
    assert story["by"] == "nginx (42)"
    assert story["call"] == "epoll_create1(0)"
    assert story["now"] == "open, held by nginx (42) as descriptors 8, 9; php (77) as descriptor 5"
    assert story["watches"] == "3 registrations"


def test_an_instance_older_than_the_trace_is_found() -> None:
    old = instance(2, found=True)
    story = told(instance_story((2, old.since_ns), snapshot(process_row(42, instances=(old,)))))
    assert "existed before epolltop started" in story["found"]
    assert "created" not in story
    assert story["watches"] == "?"


def test_an_instance_in_flight_is_held_by_no_process() -> None:
    sent = instance(3, holders=())
    world = replace(snapshot(), unheld=(sent,))
    said = "open, held by no process that the census shows: in flight in a socket, registered with io_uring, or kept "
    said += "by a waiting thread"
    assert told(instance_story((3, sent.since_ns), world))["now"] == said
    short_sighted = replace(world, source=replace(world.source, limits=(Limit(THREAD_TABLES_UNSEEN),)))
    assert told(instance_story((3, sent.since_ns), short_sighted))["now"] == f"{said}; or held where no census looks"


def test_the_history_of_a_released_instance_comes_from_the_journal() -> None:
    story = told(instance_story((1, BORN), snapshot(journal=(CREATED, RELEASED))))
    assert story["headline"].endswith(", no longer open")
    assert story["by"] == "nginx (42)"
    assert story["now"] == "released after 4 seconds, by php (77)"
    assert told(instance_story((1, BORN), snapshot()))["now"].endswith("no longer has anything about it")


def test_holders_over_time_are_told_by_their_changes() -> None:
    first, second = Holder(NGINX.key, (8,)), Holder(PHP.key, (5,))
    past = (Held(BORN + SECOND_NS, (first,)), Held(BORN + 2 * SECOND_NS, (first, second)))
    passed_on = HELD._replace(holders=(second,), past=past)
    lines = instance_story((1, BORN), snapshot(process_row(77, name="php", instances=(passed_on,)), NGINX))
    times = [said for label, said in lines if label and label[0].isdigit()]
    assert times == ["held by php (77) as descriptor 5", "no longer nginx (42) as descriptor 8"]


def test_an_instance_tells_what_it_watches_if_that_was_read() -> None:
    watches = (
        Watch(3, 0x10000019, 3, Target(TargetKind.TCP, "[::1]:80", (("state", "LISTEN"), ("backlog", 5))), False, None),
        Watch(7, 0x80000005, 7, Target(TargetKind.PIPE, "pipe:[9]"), True, None),
        Watch(9, 0, 9, NOT_SEEN, None, None),
    )
    watching = HELD._replace(watches=5, interest=InterestList(watches, more=2))
    world = snapshot(replace(NGINX, instances=(watching,)), PHP)
    assert instance_story((1, BORN), world)[-5:] == [
        ("watches", "5 registrations, 1 of them stale"),
        ("  3", "tcp [::1]:80 LISTEN IN level exclusive"),
        ("  7", "STALE pipe pipe:[9] IN OUT edge"),
        ("  9", "unknown ? no event"),
        ("", "and 2 more"),
    ]


def test_of_a_long_list_the_first_watches_are_told() -> None:
    watches = tuple(Watch(fd, 1, fd, Target(TargetKind.FILE, "/x"), False, None) for fd in range(WATCHES_TOLD + 5))
    watching = HELD._replace(watches=len(watches), interest=InterestList(watches))
    told_of = instance_story((1, BORN), snapshot(replace(NGINX, instances=(watching,))))
    assert (told_of[-1], told_of[-2][0]) == (("", "and 5 more"), f"  {WATCHES_TOLD - 1}")
