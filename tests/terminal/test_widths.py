"""A real terminal puts the cursor where the layout of columns believes it to be."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from epolltop.text.safe import printable
from tests.waiting import PATIENCE_S, eventually

from .tmux import Terminal

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]

PROBE = r"""
import json, os, re, sys, tty
texts, answers, answered = json.load(open("texts")), b"", []
tty.setraw(0)
for at in range(0, len(texts), 100):
    part = texts[at : at + 100]
    os.write(1, b"".join(b"\r\x1b[Kab" + text.encode() + b"\x1b[6n" for text in part))
    while answers.count(b"R") < len(part):
        answers += os.read(0, 65536)
    answered += [int(column) - 3 for column in re.findall(rb";(\d+)R", answers)]
    answers = b""
os.system("stty sane")
json.dump(answered, open("answered", "w"))
os.rename("answered", "widths")
"""


def widths(terminal: Terminal, directory: Path, texts: list[str]) -> list[int]:
    (directory / "texts").write_text(json.dumps(texts))
    (directory / "probe.py").write_text(PROBE)
    terminal.command(f"{sys.executable} probe.py; clear")
    answered = directory / "widths"
    eventually(answered.exists, PATIENCE_S)
    return list(json.loads(answered.read_text()))


def test_every_character_that_is_shown_is_as_wide_as_it_is_taken_for(terminal: Terminal, tmp_path: Path) -> None:
    shown = [char for char in map(chr, range(0xA0, 0x110000)) if printable(char) == char]
    accents = ["e\u0301", "e\u0301\u0302", "漢\u3099", "ก็"]
    texts = [printable(text) for text in [*shown, *accents, "❤\ufe0f", "👍\U0001f3fd", "\u3164", "שלום", "हिन्दी"]]
    seen = widths(terminal, tmp_path, texts)
    assert len(seen) == len(texts)
    assert [text for text, width in zip(texts, seen, strict=True) if width != cell_len(text)] == []
