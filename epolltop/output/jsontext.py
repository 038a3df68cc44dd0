"""JSON in parts: a generator inside a document becomes an array with one item per line, written as items come."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

from epolltop.output.parts import Parts

Json = dict[str, Any]


def indented(document: Json, *, ascii_only: bool) -> Parts:
    """Members on lines of their own; an item of a generated array on one line, except for generated arrays in it."""
    return _Writer(": ", indent=2, ascii_only=ascii_only).parts(document, "\n")


def on_one_line(document: Json, *, ascii_only: bool) -> Parts:
    """JSON without blanks outside texts."""
    return _Writer(":", indent=None, ascii_only=ascii_only).parts(document, "")


def gathered(document: Any) -> Any:
    """A copy of the value with lists in place of generators."""
    if isinstance(document, dict):
        return {name: gathered(value) for name, value in document.items()}
    return [gathered(item) for item in document] if isinstance(document, GeneratorType) else document


class _Writer:
    def __init__(self, colon: str, *, indent: int | None, ascii_only: bool) -> None:
        self._colon = colon
        self._line = json.JSONEncoder(separators=(",", ":"), ensure_ascii=ascii_only).encode
        self._lines = self._line if indent is None else json.JSONEncoder(indent=indent, ensure_ascii=ascii_only).encode

    def parts(self, document: Json, margin: str) -> Parts:
        """An object; its last line begins with the margin, which is empty for a single line."""
        inner = margin and f"{margin}  "
        return _enclosed("{", (self._member(name, each, inner) for name, each in document.items()), "}", margin, inner)

    def _member(self, name: str, value: Any, margin: str) -> Parts:
        yield f'"{name}"{self._colon}'
        if isinstance(value, GeneratorType):
            yield from self._array(value, margin)
        else:
            yield self._lines(value).replace("\n", margin)  # none is inside a text, which has it escaped

    def _array(self, items: Iterable[Any], margin: str) -> Parts:
        inner = margin and f"{margin}  "
        return _enclosed("[", (self._item(item, inner) for item in items), "]", margin, inner)

    def _item(self, item: Any, margin: str) -> Parts:
        arrays = _generated(item) if isinstance(item, dict) else {}
        if not arrays:
            yield self._line(item)
            return
        yield self._line({name: each for name, each in item.items() if name not in arrays})[:-1]
        for name, each in arrays.items():
            yield f',"{name}":'
            yield from self._array(each, margin)
        yield "}"


def _generated(item: Json) -> Json:
    return {name: each for name, each in item.items() if isinstance(each, GeneratorType)}


def _enclosed(opening: str, contents: Iterable[Parts], closing: str, margin: str, inner: str) -> Parts:
    before = opening
    for content in contents:
        yield before + inner
        yield from content
        before = ","
    yield opening + closing if before == opening else margin + closing
