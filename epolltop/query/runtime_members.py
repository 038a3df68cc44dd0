"""The runtime of a process in a snapshot file."""

from __future__ import annotations

from typing import Any

from epolltop.model.bounds import RUNTIMES_MAX
from epolltop.model.process_row import ProcessRow
from epolltop.model.runtime_of import runtime_of_process
from epolltop.model.runtimes import Runtime
from epolltop.model.snapshot import Snapshot
from epolltop.query.member import Member, Structure, same

RUNTIME: Structure[Runtime] = Structure("runtime", (
    same("name", "text", "Name of the runtime, see [runtimes.md](runtimes.md).", known=True),
    same("certain", "truth", "Whether both the code of the process and how its threads wait tell that; if not, only "
         "one of these does.", known=True),
))  # fmt: skip


def _runtime(row: ProcessRow, snapshot: Snapshot) -> dict[str, Any] | None:
    runtime = runtime_of_process(row, snapshot)
    return None if runtime is None else RUNTIME.written(runtime)


def _signs(row: ProcessRow, _: Snapshot) -> list[str] | None:
    return None if row.facts.runtime_signs is None else list(row.facts.runtime_signs)


RUNTIME_OF_PROCESS: tuple[Member[ProcessRow], ...] = (
    Member("runtime", RUNTIME, "What its event loops run on; `null`: that is not recognised.", _runtime),
    Member("runtime_signs", "text", "Runtimes of which its code has a sign; its loops may run on any of them. `null`: "
           "its code could not be read.", _signs, many=True, items_max=RUNTIMES_MAX),
)  # fmt: skip
