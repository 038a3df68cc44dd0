"""Regular expressions whose time is linear in the text, whatever the pattern: RE2, in place of Python's re.

Python's re tries one way after the other. A text can be made so that a harmless pattern takes hours, and no other
thread runs meanwhile. RE2 follows all ways at once, and lets other threads run. It has no back references, no lookahead
and no lookbehind.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

from epolltop.query.mistake import FilterError
from epolltop.text.cells import cut

Matches: TypeAlias = Callable[[str], bool]

MAX_PROGRAM = 2000
"""Steps of a compiled pattern: the time for a character is at most proportional to them, some microseconds."""
MAX_MEMORY = 4 << 20
"""Bytes that a compiled pattern takes, states that it keeps included; with few it is slower, not wrong."""

REMEMBERED, REMEMBERED_CHARS = 16_384, 256
"""Answers that a pattern remembers, and the longest text of one. 2 MB a pattern, and the texts: 4 MB, or at worst 17 MB
of four-byte letters. Patterns share the texts of rows."""

APART = "\0"
"""Between texts that are searched at once: no text has it, no key or argument gives it, and no * reaches across."""

_WILD = {"*": r"[^\x00]*", "?": r"[^\x00]"}
_TOO_LARGE = ("pattern too large", "invalid repetition size", "expression nests too deeply")


def expression(source: str, position: int) -> Matches:
    """What finds a regular expression anywhere in a text, in whatever case.

    Args:
        source: in RE2's syntax, https://github.com/google/re2/wiki/Syntax.
        position: where it stands in the filter.

    Raises:
        FilterError: it is none, it is too large, or RE2 is not there.
    """
    try:
        import re2

        options = re2.Options()
        options.case_sensitive, options.never_capture, options.log_errors = False, True, False
        options.max_mem = MAX_MEMORY
        compiled = re2.compile(source.encode(), options)
    except (ImportError, AttributeError) as error:
        raise FilterError(
            f"regular expressions need the package google-re2, which does not load: {error}", position
        ) from None
    except UnicodeEncodeError as error:
        raise FilterError("a regular expression must be valid text", position + error.start) from None
    except re2.error as error:
        raise _mistake(error, source, position) from None
    if max(compiled.programsize, compiled.reverseprogramsize) > MAX_PROGRAM:
        raise FilterError(
            "the regular expression is too large: a repetition counts as many times as it may repeat", position
        )
    search = compiled.search
    return lambda text: search(text.encode("utf-8", "backslashreplace")) is not None


def remembered(matches: Matches) -> Matches:
    """The same, asked once about a text: rows have mostly the names and commands that they had a second ago.

    A search takes 2 us, to remember what it found 0.1.
    """
    known = functools.lru_cache(maxsize=REMEMBERED)(matches)
    return lambda text: known(text) if len(text) <= REMEMBERED_CHARS else matches(text)


def glob(text: str, position: int, *, whole: bool) -> Matches:
    """What matches a text with * for any text and ? for any character, as a whole or anywhere in it."""
    body = "".join(_WILD.get(char) or _literal(char) for char in text)
    return expression(rf"\A{body}\z" if whole else body, position)


def _literal(char: str) -> str:
    return char if char.isalnum() or not char.isascii() else f"\\x{ord(char):02x}"


def _mistake(error: Any, source: str, position: int) -> FilterError:
    """In plain words, at the place in the source that RE2 quotes."""
    said = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error.args[0])
    why, _, where = said.partition(": ")
    at = position + max(0, source.find(where))
    if where[:1] == "\\" and where[1:].isdigit():
        return FilterError("a back reference is not possible here", at)
    if where.startswith(("(?=", "(?!", "(?<=", "(?<!")):
        return FilterError("looking ahead or behind is not possible here", at)
    if why.startswith(_TOO_LARGE):
        return FilterError("the regular expression is too large", at)
    if why == "missing )":
        at = position + len(source)
    return FilterError(f"bad regular expression: {cut(why, 60)}", at)
