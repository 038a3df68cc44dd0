"""What markers need, and who gets skipped without it."""

from __future__ import annotations

import functools
import signal
import time
from collections.abc import Iterator

import hypothesis
import pytest

from epolltop.errors import SourceUnavailable
from epolltop.query.refusal_catalogue import refusal_remedy, refusal_words

# Time asserts nothing: other work shares the machine.
hypothesis.settings.register_profile("shared", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("shared")

pytest_plugins = (
    "tests.support.shared_machine",
    "tests.support.workers",
    "tests.support.interrupt",
    "tests.support.left_behind",
)

# Who starts this by nohup ignores it; the programs under test would, too.
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are written in the zone of whom it runs for."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips, with the reason, what cannot run here."""
    if item.get_closest_marker("kernel") or item.get_closest_marker("programs"):
        missing = _missing_for_bpf()
        if missing:
            pytest.skip(missing)


@functools.cache
def _missing_for_bpf() -> str:
    from epolltop.bcc.loader import load_bcc
    from epolltop.bcc.requirements import require

    try:
        require()
        load_bcc()
    except SourceUnavailable as error:
        return f"{refusal_words(error.evidence)}; remedy: {refusal_remedy(error.evidence)}"
    return ""
