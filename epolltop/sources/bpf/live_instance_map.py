"""The map of live instances, and room in it where no probe sees releases and so nothing else empties it."""

from __future__ import annotations

from epolltop.bcc.hash_map import HashMap
from epolltop.bcc.program import Program
from epolltop.model.holding import Census
from epolltop.sources.bpf import wire


def live_instances(program: Program) -> HashMap:
    """Instances that were created during the trace, by file: what the probe of creations noted of each."""
    return program.table("live_instances", wire.FILE, wire.LIVE_INSTANCE)


class LiveInstanceMap:
    """Frees entries of instances that a census no longer shows.

    Nothing is lost by that: an instance that comes back counts as found with or without an entry.
    """

    def __init__(self, program: Program, room: int) -> None:
        """Frees nothing yet.

        Args:
            program: has the map.
            room: how many entries it can have.
        """
        self.entries = live_instances(program)
        self._often = room // 32
        self._freed_at = 0  # creations until then

    def make_room(self, census: Census, created: int) -> None:
        """Frees what it can, after enough creations since the last time.

        Args:
            census: the last one; one that was cut short frees nothing.
            created: instances so far.
        """
        if census.cut or created - self._freed_at < self._often:
            return
        self._freed_at = created
        held = {holding.file for holding in census.holdings}
        for (file,), noted in list(self.entries.items()):
            key = wire.FILE.pack(file)
            # Read again, because another instance may have the address by now.
            if noted[0] < census.started_ns and file not in held and self.entries.get(key) == noted:
                self.entries.delete(key)
