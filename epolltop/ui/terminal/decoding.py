"""Bytes from the terminal that are not UTF-8: from another locale, or from a Meta key that sets the eighth bit."""

from __future__ import annotations

import codecs
import functools

from textual.drivers import linux_driver

from epolltop.ui.terminal.private_names import as_known


def read_any_bytes() -> None:
    """Reads U+FFFD for them, in all apps that start later.

    Textual's reader decodes strictly: at the first of them its thread ends, and with it the screen.
    """

    def decoder(name: str) -> functools.partial[codecs.IncrementalDecoder]:
        return functools.partial(codecs.getincrementaldecoder(name), "replace")

    if as_known("decoding"):
        linux_driver.getincrementaldecoder = decoder  # type: ignore[attr-defined, assignment]
