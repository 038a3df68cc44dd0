"""What users change about rules."""

from __future__ import annotations

import pytest

from epolltop.findings.cases import Cases
from epolltop.findings.families import FAMILIES
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.model.finding import Severity
from tests.support.rows import process_row, snapshot

from .judged import matches

NEAR = snapshot(process_row(42, fds=850, fd_limit=1000))


def found(settings: Settings) -> dict[str, Severity]:
    return {match.rule.id: match.severity for match in matches(FAMILIES, Cases(NEAR), settings)}


def test_defaults() -> None:
    assert found(DEFAULTS)["near-fd-limit"] is Severity.WARN


@pytest.mark.parametrize(("percent", "is_found"), [(85, True), (85.1, False)])
def test_a_threshold_is_in_the_unit_of_its_name(percent: float, is_found: bool) -> None:
    assert ("near-fd-limit" in found(Settings({"limit.fd_percent": percent}))) is is_found


def test_a_graver_threshold() -> None:
    assert found(Settings({"limit.fd_critical_percent": 84}))["near-fd-limit"] is Severity.CRITICAL


def test_what_is_allowed_is_not_found() -> None:
    assert "near-fd-limit" not in found(Settings(allowed=frozenset(("near-fd-limit",))))


def test_what_is_raised_is_one_graver() -> None:
    assert found(Settings(raised=frozenset(("near-fd-limit",))))["near-fd-limit"] is Severity.CRITICAL
