"""What a pass of the census counted: the descriptors of each process by kind."""

from __future__ import annotations

from collections.abc import Mapping

from epolltop.bcc.program import Program
from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.process import ProcessKey
from epolltop.sources.bpf.wire import DESCRIPTORS, PROCESS, process_key


class DescriptorCounts:
    """Of all processes, whether they hold an instance or not."""

    def __init__(self, program: Program) -> None:
        self._map = program.table("descriptors", PROCESS, DESCRIPTORS)

    def of_pass(self, number: int) -> Mapping[ProcessKey, Descriptors]:
        """What the pass of that number counted, which is over.

        Deletes what earlier ones did, of processes that are gone or have no descriptors now. Of processes without room
        in the map nothing is known.
        """
        counted = {}
        for key, (counted_by, *of) in self._map.items():
            if counted_by == number:
                counted[process_key(key)] = Descriptors._make(of)
            else:
                self._map.delete(PROCESS.pack(*key))
        return counted
