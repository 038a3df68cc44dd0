"""How many of the instances that a process holds each stack created, in its details and in JSON."""

from __future__ import annotations

from epolltop.model.instance import Instance
from epolltop.model.process_row import ProcessRow
from epolltop.query.creation_stacks import CREATION_STACKS, LISTED_MAX, CreationStack, creation_stacks
from epolltop.query.process_story import process_story
from tests.support.rows import instance, process_row, snapshot

LEAK = ("epoll_create1+0x7 (libc.so.6)", "leak+0x9 (server)")
START = ("epoll_create1+0x7 (libc.so.6)", "main+0x6d (server)")


def held(*stacks: tuple[str, ...], more: int = 0) -> ProcessRow:
    def made(number: int, stack: tuple[str, ...]) -> Instance:
        # Another object each time, as in a replay.
        return instance(file=number + 1, holders=((42, (number + 4,)),))._replace(stack=tuple(list(stack)))

    held = tuple(made(number, stack) for number, stack in enumerate(stacks))
    return process_row(42, name="server", instances=held, more_instances=more)


def test_equal_stacks_are_counted_together_the_most_frequent_first() -> None:
    assert creation_stacks(held(START, LEAK, LEAK, (), LEAK)) == [CreationStack(3, LEAK), CreationStack(1, START)]
    assert creation_stacks(held((), ())) == []


def test_the_details_of_a_process_tell_where_most_were_made() -> None:
    lines = process_story(held(START, *[LEAK] * 31, *[()] * 5, more=3), snapshot())
    assert lines[lines.index(("created", "31 of 40 instances here:")) :] == [
        ("created", "31 of 40 instances here:"),
        ("", f"  {LEAK[0]}"),
        ("", f"  {LEAK[1]}"),
        ("created", "1 of 40 instances here:"),
        ("", f"  {START[0]}"),
        ("", f"  {START[1]}"),
        ("", "8 by calls whose stack is not known"),
    ]


def test_of_many_places_the_others_are_counted() -> None:
    places = [(f"place_{number}+0x1 (server)",) for number in range(6)]
    lines = process_story(held(*places, places[5]), snapshot())
    assert [text for label, text in lines if label == "created"] == [
        "2 of 7 instances here:",
        "1 of 7 instances here:",
        "1 of 7 instances here:",
    ]
    assert lines[-1] == ("", "3 at 3 other places")


def test_without_stacks_nothing_is_told() -> None:
    assert "created" not in dict(process_story(held((), ()), snapshot()))
    assert CREATION_STACKS.get(held((), ()), snapshot()) is None


def test_json_lists_a_bounded_number() -> None:
    places = [(f"place_{number}+0x1 (server)",) for number in range(LISTED_MAX + 1)]
    written = CREATION_STACKS.get(held(places[-1], *places), snapshot())
    assert len(written) == LISTED_MAX
    assert written[0] == {"count": 2, "stack": places[-1]}
