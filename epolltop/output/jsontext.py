"""JSON in parts: a generator inside a document is an array that is written while it is made, an item a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

from epolltop.output.parts import Parts

Json = dict[str, Any]


def indented(document: Json, *, ascii_only: bool) -> Parts:
    """Members on lines of their own; an item of an array that comes in parts stands on one line, if it has no such."""
    return _Writer(": ", indent=2, ascii_only=ascii_only).parts(document, "\n")


def on_one_line(document: Json, *, ascii_only: bool) -> Parts:
    """Without a blank that is not inside a text."""
    return _Writer(":", indent=None, ascii_only=ascii_only).parts(document, "")


def gathered(document: Any) -> Any:
    """The same with lists in place of generators."""
    if isinstance(document, dict):
        return {name: gathered(value) for name, value in document.items()}
    return [gathered(item) for item in document] if isinstance(document, GeneratorType) else document


class _Writer:
    def __init__(self, colon: str, *, indent: int | None, ascii_only: bool) -> None:
        self._colon = colon
        self._line = json.JSONEncoder(separators=(",", ":"), ensure_ascii=ascii_only).encode
        self._lines = self._line if indent is None else json.JSONEncoder(indent=indent, ensure_ascii=ascii_only).encode

    def parts(self, value: Any, margin: str) -> Parts:
        """What is a generator or has some; the line that it ends on begins with the margin, empty if there is one."""
        inner = margin and f"{margin}  "
        if isinstance(value, GeneratorType):
            return _enclosed("[", (self._item(item, inner) for item in value), "]", margin, inner)
        members = (self._member(name, each, inner) for name, each in value.items())
        return _enclosed("{", members, "}", margin, inner)

    def _item(self, item: Any, margin: str) -> Parts:
        return self.parts(item, margin) if _comes_in_parts(item) else (self._line(item),)

    def _member(self, name: str, value: Any, margin: str) -> Parts:
        yield f'"{name}"{self._colon}'
        if _comes_in_parts(value):
            yield from self.parts(value, margin)
        else:
            yield self._lines(value).replace("\n", margin)  # none is inside a text, which has it escaped


def _comes_in_parts(value: Any) -> bool:
    return isinstance(value, GeneratorType) or (
        isinstance(value, dict) and any(isinstance(each, GeneratorType) for each in value.values())
    )


def _enclosed(opening: str, contents: Iterable[Parts], closing: str, margin: str, inner: str) -> Parts:
    before = opening
    for content in contents:
        yield before + inner
        yield from content
        before = ","
    yield opening + closing if before == opening else margin + closing
