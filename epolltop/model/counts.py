"""Counts of creations, failures and releases, of a process and of all."""

from __future__ import annotations

from typing import NamedTuple


class Counts(NamedTuple):
    """What one process did since the source was opened."""

    created: int = 0
    failed: int = 0
    released: int = 0
    sampled_out: int = 0
    """Instances created above the detail rate: counted, but without an event."""
    failed_sampled_out: int = 0
    """Failures above the detail rate: counted, but without an event."""


class Totals(NamedTuple):
    """What all processes did since the source was opened; released includes kernel threads."""

    created: int = 0
    failed: int = 0
    released: int = 0
    released_by_kernel: int = 0
