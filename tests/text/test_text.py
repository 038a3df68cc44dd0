from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from epolltop.text.cells import cut, fit, wrapped
from epolltop.text.glyphs import in_ascii
from epolltop.text.numbers import (
    count,
    duration,
    exact_duration,
    grouped,
    grouped_rate,
    plural,
    rate,
    size,
    sparkline,
    timestamp,
)
from epolltop.text.safe import printable, safe


@given(st.binary())
def test_safe_text_is_one_printable_line(raw: bytes) -> None:
    text = safe(raw)
    assert not [char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]
    text.encode()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"nginx: worker", "nginx: worker"),
        ("é日本".encode(), "é日本"),
        (b"\x1b[31m\x00\n\x7f", r"\x1b[31m\x00\x0a\x7f"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("\u202eevil\u2028".encode(), r"\u202eevil\u2028"),
        ("\U000e0041".encode(), r"\U000e0041"),
        ("\x85".encode(), r"\x85"),
    ],
)
def test_safe(raw: bytes, text: str) -> None:
    assert safe(raw) == text


EVERYTHING = [*map(chr, range(0x110000))]
SHOWN = [char for char in EVERYTHING if printable(char) == char]


def test_what_is_shown_as_it_is_has_the_width_that_unicode_says() -> None:
    for char in SHOWN:
        assert cell_len(char) == (2 if unicodedata.east_asian_width(char) in "WF" else 1), hex(ord(char))
        assert unicodedata.category(char)[0] in "LNPS" or char == " ", hex(ord(char))
        assert unicodedata.bidirectional(char) not in ("R", "AL", "AN"), hex(ord(char))


def test_most_letters_are_shown_as_they_are() -> None:
    assert (
        printable("Größe 漢字プロセス 한국 Ελλάδα Москва e\u0301 ก็ 🤖")
        == "Größe 漢字プロセス 한국 Ελλάδα Москва e\u0301 ก็ 🤖"
    )
    assert len(SHOWN) > 100_000


def test_no_blank_but_the_blank() -> None:
    assert [char for char in SHOWN if not char.strip()] == [" "]
    for blank in "\u00a0\u2800\u3000\u3164\u115f\u1160\uffa0\U0001d159":
        assert printable(f"nginx{blank}") == "nginx" + blank.encode("ascii", "backslashreplace").decode()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("e\u0301\u0302", "e\u0301\u0302"),
        ("e" + "\u0301" * 1500, "e\u0301\u0301" + "\\u0301" * 1498),
        ("\u0301a", "\\u0301a"),
        (" \u0301a", " \\u0301a"),
        ("\u202e\u0301", "\\u202e\\u0301"),
        ("❤\ufe0f", "❤\\ufe0f"),
        ("👍\U0001f3fd", "👍\\U0001f3fd"),
        ("👨\u200d👩", "👨\\u200d👩"),
        ("\U0001f1e9\U0001f1ea", "\\U0001f1e9\\U0001f1ea"),
        ("שלום", "\\u05e9\\u05dc\\u05d5\\u05dd"),
        ("a\ud800", "a\\ud800"),
    ],
)
def test_treacherous_text(text: str, seen: str) -> None:
    assert printable(text) == seen


_TREACHEROUS = st.text(st.sampled_from("ab e漢🤖\u0301\u0302\ufe0f\u200d\u3164\u2800ש\ud800\x1b\U0001f1e9\U0001f3fd"))


@given(st.one_of(st.text(), _TREACHEROUS))
def test_text_made_safe_stays_as_it_is(text: str) -> None:
    seen = printable(text)
    assert printable(seen) == seen
    assert cell_len(seen) == sum(map(cell_len, seen))
    assert not re.search("[\u0300-\u036f]{3}", seen)


def test_long_text_is_made_safe_as_short_text_is() -> None:
    assert printable("é\x1b\u3164" * 1000) == printable("é\x1b\u3164") * 1000
    assert safe(b"\xff\n" * 1000) == safe(b"\xff\n") * 1000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "?"),
        (0, "0s"),
        (250e-6, "250µs"),
        (0.9994e-3, "999µs"),
        (0.9996e-3, "1ms"),
        (0.012, "12ms"),
        (0.9996, "1.0s"),
        (4.2, "4.2s"),
        (59.94, "59.9s"),
        (59.96, "1m00s"),
        (185, "3m05s"),
        (3599.9, "1h00m"),
        (7620, "2h07m"),
        (86399.9, "1d00h"),
        (1_047_600, "12d03h"),
        (-185, "-3m05s"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(min_value=0, max_value=8e7))
def test_durations_are_narrow(seconds: float) -> None:
    assert len(duration(seconds)) <= 7


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(None, "?"), (0, "0"), (0.01, "<0.1"), (0.05, "0.1"), (99.94, "99.9"), (99.96, "100"), (2e5, "200.0k")],
)
def test_rate(per_s: float | None, text: str) -> None:
    assert rate(per_s) == text


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(None, "?"), (0, "0"), (0.01, "<0.1"), (99.94, "99.9"), (1234.5, "1,234"), (2e6, "2,000,000"), (-1e4, "-10,000")],
)
def test_a_rate_beside_grouped_numbers_is_grouped(per_s: float | None, text: str) -> None:
    assert grouped_rate(per_s) == text


@pytest.mark.parametrize(
    ("number", "text"), [(None, "?"), (0, "0"), (99_999, "99999"), (123_456, "123.5k"), (123_456_789, "123.5M")]
)
def test_count(number: int | None, text: str) -> None:
    assert count(number) == text


def test_words() -> None:
    assert plural(1, "process") == "1 process"
    assert plural(2, "process") == "2 processes"
    assert plural(0, "instance") == "0 instances"
    assert grouped(1234567) == "1,234,567"
    assert size(50 << 20) == "50 MiB"
    assert exact_duration(61.5) == "1 minute, 1 second and 500 milliseconds"


def test_sparkline() -> None:
    assert sparkline((0.0, 1.0, 4.0, 8.0), 6) == "   ▁▄█"
    assert sparkline((9.0, 0.0, 0.0), 2) == "  "
    assert sparkline((), 3) == "   "
    assert in_ascii(sparkline((0.0, 1.0, 4.0, 8.0), 4)) == " _=@"


@given(st.lists(st.floats(min_value=0, max_value=1e12)), st.integers(1, 30))
def test_sparklines_are_as_wide_in_ascii(values: list[float], width: int) -> None:
    bars = sparkline(tuple(values), width)
    assert cell_len(bars) == len(in_ascii(bars)) == width


@given(st.text(), st.integers(0, 20), st.booleans(), st.booleans())
def test_fitting_text_has_its_width(text: str, width: int, right: bool, ascii_only: bool) -> None:
    text = safe(text.encode("utf-8", "surrogatepass"))
    assert cell_len(cut(text, width, ascii_only=ascii_only)) <= width
    assert cell_len(fit(text, width, right=right, ascii_only=ascii_only)) == width


def test_cutting() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcdef", 4, ascii_only=True) == "abc~"
    assert cut("日本語", 4) == "日 …"
    assert cut("abc", 3) == "abc"
    assert cut("abc", 0) == ""
    assert fit("ab", 4, right=True) == "  ab"


@given(st.text())
def test_in_ascii_is_ascii(text: str) -> None:
    assert in_ascii(text).isascii()


@pytest.mark.parametrize("width", [30, 48, 80])
def test_a_line_breaks_between_parts_and_a_long_part_between_words(width: int) -> None:
    line = "web 42/3: the loop was away for 200ms and sleeps in a call  + 1 critical, 2 notes"
    lines = wrapped(line, width)
    assert " ".join(each.strip() for each in lines).split() == line.split()
    assert max(map(len, lines)) <= width
    assert any("+ 1 critical, 2 notes" in each for each in lines)


def test_in_ascii_spells_our_signs() -> None:
    assert in_ascii("≥1 250µs abc… ↑ ↓ ← →") == ">=1 250us abc~ Up Down Left Right"
    assert in_ascii("é日") == r"\xe9\u65e5"


def test_timestamp() -> None:
    assert timestamp(1_769_860_800_123_456_789, utc=True) == "2026-01-31T12:00:00.123456Z"
    assert timestamp(1_769_860_800_123_456_789)[5:] == ":00.123"
