"""What is said of a late loop: in its column, in its detail, and which command is named."""

from __future__ import annotations

from typing import Any

import pytest

from epolltop.model.late_look import Doing, LateLook
from epolltop.model.loop_of import LoopOf
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.watch import Target, TargetKind
from epolltop.query.field import lookup
from epolltop.query.filter import parse_over
from epolltop.query.late_of import briefly, did, next_command
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.query.loop_story import loop_story
from tests.support.examples import looping
from tests.support.records import NOW_NS, SECOND_NS, turn
from tests.support.rows import instance, loop_row, process_row

HELD = instance()
LEFT_NS = NOW_NS - 2 * SECOND_NS
PIPE = Target(TargetKind.PIPE, "pipe:[7] ← worker 9/4")
LOOK = LateLook(LEFT_NS, NOW_NS - SECOND_NS, Doing.BLOCKED, "read", 3, PIPE, ("read+0xd (libc.so.6)", "? main+0x5 (a)"))
AWAY = turn(LEFT_NS - SECOND_NS, LEFT_NS)


def made(*signs: str, **changes: Any) -> LoopOf:
    one = loop_row(HELD, **{"turn": AWAY, "late": LOOK, **changes})
    loops = ProcessLoops((one,))
    return LoopOf(one, process_row(42, name="nginx", instances=(HELD,), loops=loops, runtime_signs=signs), HELD)


def told(row: LoopOf) -> dict[str | None, str]:
    return dict(loop_story(row, looping(window_s=1.0)))


@pytest.mark.parametrize(
    ("look", "short", "words"),
    [
        (LOOK, "blocked read of pipe pipe:[7] ← worker 9/4", "is blocked in read of pipe pipe:[7] ← worker 9/4"),
        (
            LOOK._replace(target=None),
            "blocked read of descriptor 3, which is not known",
            "is blocked in read of descriptor 3, which is not known",
        ),
        (LateLook(1, 2, Doing.BLOCKED, "futex"), "blocked futex", "is blocked in futex"),
        (LateLook(1, 2, Doing.ON_CPU), "on_cpu", "runs on a CPU"),
        (LateLook(1, 2, Doing.RUNNABLE, "write"), "runnable write", "waits for a CPU in write"),
        (LateLook(1, 2, Doing.PAGE_FAULT), "page_fault", "is in a page fault"),
    ],
)
def test_what_it_does_has_words(look: LateLook, short: str, words: str) -> None:
    assert (briefly(look), did(look)) == (short, words)


def test_each_way_has_words() -> None:
    assert len({did(LateLook(1, 2, doing)) for doing in Doing}) == len(Doing)


def test_a_loop_that_is_late_says_what_it_does_where_and_what_shows_more() -> None:
    story = loop_story(made("asyncio"), looping(window_s=1.0))
    lines = dict(story)
    assert lines["now"].startswith("away for 2.0s, since ")
    assert lines["now"].endswith("; is blocked in read of pipe pipe:[7] ← worker 9/4")
    assert lines["stack"] == "read+0xd (libc.so.6)"
    assert ("", "? main+0x5 (a)") in story
    assert lines["look with"] == "py-spy dump --pid 42, or python -m asyncio pstree 42 (Python 3.14)"
    assert "was late" not in lines


def test_of_a_loop_that_waits_again_the_last_look_is_told() -> None:
    lines = told(made(turn=turn(NOW_NS - 10)))
    assert lines["was late"].startswith("away for ≥1.0s at ")
    assert lines["was late"].endswith("; is blocked in read of pipe pipe:[7] ← worker 9/4 then")
    assert lines["stack"] == "read+0xd (libc.so.6)"
    assert "look with" not in lines


def test_the_column_and_the_filter_are_about_now() -> None:
    doing, snapshot = lookup(LOOP_FIELDS, "doing"), looping(window_s=1.0)
    assert doing.show(made(), snapshot).startswith("blocked read of pipe")
    assert parse_over(LOOP_FIELDS, "doing:blocked")(made(), snapshot)
    for other in (made(late=None), made(turn=turn(NOW_NS - 10))):
        assert doing.show(other, snapshot) == "-"
        assert not parse_over(LOOP_FIELDS, "doing:blocked")(other, snapshot)


@pytest.mark.parametrize(
    ("signs", "command"),
    [
        (("uvloop", "asyncio"), "py-spy dump --pid 42, or python -m asyncio pstree 42 (Python 3.14)"),
        (("select.epoll",), "py-spy dump --pid 42"),
        (("node",), "kill -USR1 42, then node inspect -p 42"),
        (("java-nio",), "jcmd 42 Thread.print"),
        (("libuv",), None),
        ((), None),
    ],
)
def test_the_command_is_that_of_the_language(signs: tuple[str, ...], command: str | None) -> None:
    assert next_command(made(*signs)) == command
