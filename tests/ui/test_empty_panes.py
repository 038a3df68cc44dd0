"""A pane without rows says why it has none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.model.batch import Batch
from epolltop.model.counts import Totals
from epolltop.query.view import EVENTS
from tests.support.fake_source import Task, batch_of
from tests.support.rows import process_row, snapshot

from .app_on_screen import ALL, on_screen


@pytest.mark.parametrize(
    ("script", "filter_text", "said"),
    [
        (batch_of(), "", "No process holds an epoll instance."),
        (batch_of(*ALL), "postgres", "None of 3 processes matches the filter 'postgres'."),
        (
            batch_of(*(Task(pid) for pid in range(1, 1002))),
            "none",
            "None of 1,001 processes matches the filter 'none'.",
        ),
        (batch_of(*ALL), "", "No instance was created or released yet."),
        (batch_of(), "", "No process is selected."),
        (batch_of(), "", "instances of no process"),
    ],
)
async def test_empty_panes_say_why(script: Batch, filter_text: str, said: str) -> None:
    async with on_screen(script, filter_text=filter_text) as screen:
        await screen.sees(said)


@pytest.mark.parametrize(("kind", "said"), [("replay", "only with --events"), ("bpf", "No instance was created")])
def test_a_file_that_counts_without_events_says_so(kind: str, said: str) -> None:
    whole = snapshot(process_row(7))
    counted = replace(whole, source=replace(whole.source, kind=kind), totals=Totals(created=4))
    assert said in EVENTS.empty(counted)


async def test_of_what_could_not_be_read_nothing_is_said() -> None:
    script = batch_of(exact=False)
    async with on_screen(replace(script, source=replace(script.source, unreadable=61))) as screen:
        await screen.sees("None of the processes that could be read holds an epoll instance; 61 could not be read.")
        await screen.sees("≥0 instances in ≥0 processes")


async def test_a_process_without_an_instance_says_so() -> None:
    async with on_screen(batch_of(Task(42, open=0))) as screen:
        await screen.tick(batch_of(Task(42, open=0, created=1, released=1)))
        await screen.sees("nginx (42) holds no instance now.")
