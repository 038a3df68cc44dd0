"""Tables one after the other: what they show is what the source reads first."""

from __future__ import annotations

from epolltop.model.world import Selection
from epolltop.output.batch_tables import run_batch
from epolltop.output.parts import Parts
from epolltop.query.view import PROCESSES, View
from epolltop.session.observation import Session
from tests.ui.source import ScriptedSource, Task, batch


async def test_processes_of_the_last_table_are_read_first() -> None:
    source = ScriptedSource(batch(*(Task(pid, open=pid) for pid in range(1, 9))))
    session = Session(lambda: source, Selection(), 0.01)
    tables: list[Parts] = []
    try:
        await run_batch(session, View(PROCESSES, rows=2), "", tables.append, count=2, json=False, ascii_only=False)
    finally:
        session.close()
    assert len(tables) == 2
    assert [key.pid for key in source.shown] == [8, 7]
