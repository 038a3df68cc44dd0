"""What is written, byte for byte: one file for each view and format. EPOLLTOP_WRITE_GOLDEN=1 writes them anew.

Read the difference first. test_variants.py has what a choice changes: ASCII, a filter, a source that only reads /proc.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from epolltop.errors import Requirement
from epolltop.model.holding import Unlisted
from epolltop.output.doctor import Kept, doctor_report
from epolltop.output.event_lines import run_events
from epolltop.output.report import Report
from epolltop.query.filter import everything
from epolltop.query.view import LOOPS, SUBJECTS, WATCHES, View, look
from tests.support.examples import EVENTS, bounded, exact, looping, watching
from tests.support.formats import FORMATS
from tests.support.front_end import written_by

GOLDEN = Path(__file__).with_name("golden")
SAME_DOCUMENT = {("instances", "json"), ("events", "json")}
"""JSON has everything whatever the view: see test_variants.py."""

MADE = {LOOPS.id: looping, WATCHES.id: watching}
"""What has rows for the others."""


def agree(name: str, written: str) -> None:
    path = GOLDEN / name
    if os.environ.get("EPOLLTOP_WRITE_GOLDEN"):
        path.write_bytes(written.encode())
    assert written.encode() == path.read_bytes()


@pytest.mark.parametrize(
    ("subject", "format"),
    [(subject, format) for subject in SUBJECTS for format in FORMATS if (subject, format) not in SAME_DOCUMENT],
)
def test_a_snapshot(subject: str, format: str) -> None:
    view, made = View(SUBJECTS[subject]), MADE.get(subject, exact)()
    agree(f"{subject}.{format}", FORMATS[format](Report(made, view, look(made, view), events=EVENTS)))


@pytest.mark.parametrize("suffix", ["txt", "jsonl"])
def test_lines_of_events(suffix: str) -> None:
    as_json = suffix == "jsonl"
    text = written_by(
        lambda s, write: run_events(s, everything, write, say=str, seconds=0, json=as_json, ascii_only=False)
    )
    agree(f"event-lines.{suffix}", text)


@pytest.mark.parametrize("suffix", ["txt", "json"])
def test_the_doctor(suffix: str) -> None:
    needs = (
        Requirement("privileges", False, {"uid": 65534, "state": "too_few", "program": "epolltop"}),
        Requirement("lockdown", False, {"state": "confidentiality"}),
        Requirement("BCC", True, {"state": "found", "version": "0.26.0", "path": "/usr/lib/python3/dist-packages/bcc"}),
    )
    report = doctor_report(
        needs,
        bounded().source,
        "",
        compat=0,
        unlisted=Unlisted(1234, 2, 1, False),
        kept=Kept(("CAP_SYS_PTRACE", "CAP_BPF"), True, (1000, "SUDO_UID")),
        json=suffix == "json",
        ascii_only=False,
    )
    agree(f"doctor.{suffix}", report)
