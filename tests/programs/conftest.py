"""With -v, what was compared is listed at the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_COMPARED = "compared"


@pytest.fixture(name="compare")
def _compare(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Notes who says what: (server, what, expected, shown, by whom it is known)."""
    return lambda *cells: record_property(_COMPARED, " | ".join(map(str, cells)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    calls = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
    ]
    lines = [line for report in calls for name, line in report.user_properties if name == _COMPARED]
    if lines and config.get_verbosity() > 0:
        terminalreporter.section("server | what | expected | shown | by whom measured")
        for line in lines:
            terminalreporter.write_line(str(line))
