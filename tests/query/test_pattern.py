"""Whatever the pattern and whatever the text, a search takes time in proportion to the text."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Sequence
from time import perf_counter

import pytest

from epolltop.model.process_row import ProcessRow
from epolltop.query.filter import parse
from epolltop.query.mistake import FilterError
from epolltop.query.pattern import (
    APART,
    MAX_MEMORY,
    MAX_PROGRAM,
    REMEMBERED,
    REMEMBERED_CHARS,
    Matches,
    expression,
    glob,
    remembered,
)
from tests.support.rows import process_row, snapshot

# What makes an engine that tries one way after the other take quadratic, cubic or exponential time.
HARD = [
    ("(a+)+$", "a"),
    ("(a|a)*$", "a"),
    ("((a*)*)*b", "a"),
    ("a*a*a*a*b$", "a"),
    ("(x|){30}y", "x"),
    ("(.*,){11}P", "1,2,"),
    ("java.*-D.*foo.*bar", "java-Dfoo"),
    (".*kafka.*libs.*zookeeper", "/opt/kafka/libs/"),
    (r"\s+$", " x"),
    (r"^(\w+\s?)*$", "word word! "),
    (r"(\d+)*-(\d+)*-(\d+)*z", "123-"),
    ("a{1,40}a{1,40}a{1,40}b", "a"),
    ("(a|b)*a(a|b){9}c", "ab"),
]
LENGTH = 20_000


@pytest.mark.parametrize(("pattern", "part"), HARD)
def test_time_grows_with_the_text_and_not_faster(pattern: str, part: str) -> None:
    matches = expression(pattern, 0)
    short, long = (part * (length // len(part)) + "\x01" for length in (LENGTH, 4 * LENGTH))
    ratio = min(_seconds(matches, long) / _seconds(matches, short) for _ in range(3))
    assert ratio < 8, "four times the text takes about four times as long; a quadratic search sixteen times"


def _seconds(matches: Matches, text: str) -> float:
    best = float("inf")
    for _ in range(5):
        began = perf_counter()
        matches(text)
        best = min(best, perf_counter() - began)
    return best


def test_many_words_of_a_filter_take_time_with_the_rows_only() -> None:
    matches = parse("!zzz " * 99 + "open>=0")
    rows = [process_row(number, command="/usr/bin/java -cp " + "x" * 2000) for number in range(400)]
    world = snapshot(*rows)

    def seconds(some: Sequence[ProcessRow]) -> float:
        began = perf_counter()
        for row in some:
            matches(row, world)
        return perf_counter() - began

    assert min(seconds(rows[:]) / seconds(rows[:100]) for _ in range(5)) < 8


def test_other_threads_run_during_a_search() -> None:
    # A signal's handler is one of them: Python runs it between two steps of its own.
    matches = expression("(a.{60}b|b.{50}c)x", 0)
    text = "".join(random.Random(1).choices("abc", k=60_000))
    done = threading.Event()
    turns = 0
    began = threading.Event()

    def search() -> None:
        began.set()
        matches(text)
        done.set()

    searching = threading.Thread(target=search)
    searching.start()
    began.wait()
    while not done.is_set():
        turns += 1
        done.wait(sys.getswitchinterval())
    searching.join()
    assert turns > 3


@pytest.mark.parametrize("pattern", [".{0,900}b", "((a{90}){90})", "a{1,1000}b{1,1000}c{1,1000}", r"\pL{200}"])
def test_what_a_pattern_compiles_to_is_bounded(pattern: str) -> None:
    with pytest.raises(FilterError, match="too large"):
        expression(pattern, 0)
    assert MAX_PROGRAM < 10_000
    assert MAX_MEMORY <= 4 << 20


@pytest.mark.parametrize("pattern", [".{0,90}b", "(a{20}){20}", r"\pL+\d*", "[^é]{90}"])
def test_what_somebody_would_type_is_not_too_large(pattern: str) -> None:
    expression(pattern, 0)


def test_the_whole_of_a_long_text_is_searched() -> None:
    command = "/usr/bin/java -cp " + "/opt/lib.jar:" * 20_000 + " org.example.Main"
    assert expression("org.example.main$", 0)(command)
    assert parse("command~org.example.Main$")(process_row(command=command), snapshot())
    assert parse("command=*example.main")(process_row(command=command), snapshot())


def test_a_text_is_searched_once_and_a_long_one_is_not_kept() -> None:
    asked: list[str] = []

    def search(text: str) -> bool:
        asked.append(text)
        return "x" in text

    matches, short, long = remembered(search), "x" * REMEMBERED_CHARS, "x" * (REMEMBERED_CHARS + 1)
    answers = [matches(text) for text in (short, short, long, long, "", "")]
    assert answers == [True, True, True, True, False, False]
    assert asked == [short, long, long, ""]
    assert REMEMBERED * REMEMBERED_CHARS <= 4 << 20


def test_a_word_is_in_one_value() -> None:
    row = process_row(7, name="worker", command="/bin/worker one")
    for found in ("work*one", "7", "worker"):
        assert parse(found)(row, snapshot()), found
    for across in ("worker/bin", "r/", "7*one", "7?worker"):
        assert not parse(across)(row, snapshot()), across


def test_case_and_other_letters() -> None:
    assert expression("ÉCOLE", 0)("école")
    assert expression("^.$", 0)("漢")
    assert expression(r"\\x1b", 0)("a\\x1bb")
    assert not expression("a", 0)("\udc80")


@pytest.mark.parametrize(
    ("text", "whole", "value", "right"),
    [
        ("a*c", True, "abc", True),
        ("a*c", True, "abcd", False),
        ("a*c", False, "xabcd", True),
        ("a?c", True, "ac", False),
        ("a.c", True, "abc", False),
        ("*", True, "", True),
        ("[x]*", True, "[x]yz", True),
        ("é?", True, "é漢", True),
        ("a*", True, "a\nb", True),
        ("a*b", False, f"a{APART}b", False),
        ("a?b", False, f"a{APART}b", False),
    ],
)
def test_a_star_is_any_text_and_all_else_itself(text: str, whole: bool, value: str, right: bool) -> None:
    assert glob(text, 0, whole=whole)(value) is right


def test_text_that_is_none_is_refused_where_it_is() -> None:
    with pytest.raises(FilterError) as caught:
        expression("ab\udc80", 5)
    assert caught.value.position == 7
