"""What tests of several modules observe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workloads.client import Actor

pytest.register_assert_rewrite("tests.cli.shapes")  # a failure shows the values


@pytest.fixture
def actor() -> Iterator[Actor]:
    with Actor() as started:
        yield started
