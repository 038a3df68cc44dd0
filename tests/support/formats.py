"""What the formats write in parts, as one text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epolltop.output import formats
from epolltop.output.document import snapshot_document
from epolltop.output.jsontext import Json, gathered
from epolltop.output.parts import Parts
from epolltop.output.report import Report


def _whole(write: Callable[[Report[Any]], Parts]) -> Callable[[Report[Any]], str]:
    return lambda report: "".join(write(report))


FORMATS = {name: _whole(write) for name, write in formats.FORMATS.items()}
as_json, as_json_line, as_text = _whole(formats.as_json), _whole(formats.as_json_line), _whole(formats.as_text)


def document_of(report: Report[Any]) -> Json:
    """The snapshot as data, with nothing to come."""
    document: Json = gathered(snapshot_document(report))
    return document
