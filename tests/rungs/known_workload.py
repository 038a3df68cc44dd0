"""A small workload of known numbers, for a program that is run as nobody usually does."""

from __future__ import annotations

import os

from tests.cli.observation import Document, row_of
from tests.workloads.client import Actor


def run(actor: Actor) -> None:
    """Creates five, keeps two of them, and fails once."""
    actor.do("pairs", count=3)
    for _ in range(2):
        actor.create()
    assert actor.do("create1", flags=1)["fd"] is None


def check(document: Document, actor: Actor) -> None:
    """Whether all of it is told.

    Raises:
        AssertionError: something else is told.
    """
    row = row_of(document, actor.pid)
    assert (row["created"], row["released"], row["create_failed"], row["open"]) == (5, 3, 1, 2)
    assert {(one["provenance"], one["creator"], *one["flags"]) for one in row["instances"]} == {("traced", actor.pid)}
    assert row["fds"] == len(os.listdir(f"/proc/{actor.pid}/fd"))
    assert row["command"].endswith("actor.py")
