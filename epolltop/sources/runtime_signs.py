"""Signs of runtimes in the code of processes, read at a bounded cost."""

from __future__ import annotations

import os

from epolltop.model.runtimes import signs_of
from epolltop.own_process.pace import Allowance, Deadline
from epolltop.proc.exe import executable_path, open_executable
from epolltop.proc.maps import MappedFile, mapped_files
from epolltop.symbols.elf import section_names

SHARE = 0.02
"""Of time, for signs; what is not read by then is read later."""
SAVED_S = 0.2
"""For the signs of processes that are found at once: some 300."""
PROGRAM_S = 0.05
"""For those of a single one."""


class RuntimeSigns:
    """Reads them."""

    def __init__(self) -> None:
        self._time = Allowance(SHARE, SAVED_S)

    def read(self, root: str, pid: int) -> tuple[str, ...] | None:
        """Of a process, as `signs_of` answers; None if there is no time now, or its code may not be read."""
        with self._time.spend() as deadline:
            if deadline.is_over:
                return None
            try:
                return self._read(root, pid, Deadline(PROGRAM_S))
            except OSError:
                return None

    def _read(self, root: str, pid: int, deadline: Deadline) -> tuple[str, ...]:
        path = executable_path(root, pid)
        files = mapped_files(root, pid, deadline)
        executed = next((file for file in files if file.path == path), None)
        if executed is None:  # the kernel is about to map it
            raise FileNotFoundError(path)
        paths = [os.fsdecode(file.path) for file in files]
        # Few programs have to be opened: most are known by a name.
        return signs_of(os.fsdecode(path), paths) or signs_of("", (), _sections(root, pid, executed, deadline))


def _sections(root: str, pid: int, known: MappedFile, deadline: Deadline) -> list[str]:
    """Of the file that it executes; none if that cannot be read without blocking."""
    try:
        file = open_executable(root, pid, known, deadline)
    except OSError:
        return []
    try:
        return list(map(os.fsdecode, section_names(file)))
    except OSError:
        return []
    finally:
        os.close(file)
