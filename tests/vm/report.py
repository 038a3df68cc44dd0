"""What pytest reports of a guest, as JUnit's XML: its tests, each of a rung."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from tests.rungs import rungs

RUNGS = (*rungs.RUNGS, "nobtf", "notracefs", "capabilities", "lockdown")
OTHER = "other"
"""Tests that are of no rung."""

_PARAMETER = re.compile(r"\[(.*)\]$")
_LEFT_OUT = "full report in element text]"


@dataclass(frozen=True)
class Case:
    """A test, with its parameters. Why says what kept it from passing; of a defect, why it is known to fail."""

    name: str
    rung: str
    outcome: Literal["passed", "failed", "skipped", "defect"]
    why: str = ""

    @property
    def test(self) -> str:
        """The function."""
        return self.name.partition("[")[0]


class Unreadable(Exception):
    """A report that is no XML."""


def read_junit(report: bytes) -> list[Case]:
    """In the order in which they ran.

    Raises:
        Unreadable: see there.
    """
    try:
        return [_case(element) for element in ElementTree.fromstring(report).iter("testcase")]
    except ElementTree.ParseError as error:
        raise Unreadable(f"its report is no XML: {error}") from error


def _case(element: ElementTree.Element) -> Case:
    name = element.get("name", "")
    parts = {part.tag: part for part in element}
    for tag in ("error", "failure"):
        if tag in parts:
            return Case(name, _rung(name), "failed", _message(parts[tag]))
    if "skipped" in parts:
        expected = parts["skipped"].get("type") == "pytest.xfail"
        return Case(name, _rung(name), "defect" if expected else "skipped", _message(parts["skipped"]))
    return Case(name, _rung(name), "passed")


def _message(part: ElementTree.Element) -> str:
    """Where pytest left out the end of it, the last line of the full report's, which may have no traceback."""
    message = part.get("message") or ""
    if not message.endswith(_LEFT_OUT):
        return message
    lines = (part.text or "").strip().splitlines()
    errors = [line[1:].strip() for line in lines if line.startswith("E ")]
    return f"{message.rpartition('[+')[0]} … {(errors or lines or [''])[-1]}"


def _rung(name: str) -> str:
    """Of `test_name[RUNG-more]`; names of those that we know have hyphens themselves."""
    match = _PARAMETER.search(name)
    given = match[1] if match else ""
    fitting = [rung for rung in RUNGS if given == rung or given.startswith(f"{rung}-")]
    return max(fitting, key=len, default=given.partition("-")[0] or OTHER)
