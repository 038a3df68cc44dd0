"""The last seconds of a world that goes on: windows that begin one after another, of which the oldest is shown."""

from __future__ import annotations

from epolltop.model.snapshot import Snapshot
from epolltop.model.window import Window
from epolltop.model.world import World
from epolltop.session.timeline import LastLook

RECENT_S = 5.0
"""How long what is shown is at least, as soon as there is so much; at most about twice as long. No rule asks for
evidence that lasts for longer."""


class Recent:
    """Belongs to the thread of its world."""

    def __init__(self, world: World) -> None:
        """Begins now.

        Args:
            world: to which a batch was applied.
        """
        self._world = world
        self._begun: list[tuple[Window, Snapshot]] = []
        self.advance()

    def advance(self) -> None:
        """To be called after each batch."""
        now_ns = self._world.now_ns
        ages_s = [(now_ns - before.now_ns) / 1e9 for _, before in self._begun]
        if len(ages_s) > 1 and ages_s[1] >= RECENT_S:
            self._world.close_window(self._begun.pop(0)[0])
        if not ages_s or ages_s[-1] >= RECENT_S:
            window = self._world.open_window()
            self._world.mark(window)
            self._begun.append((window, self._world.freeze(window)))

    def look(self) -> LastLook:
        """Now."""
        window, before = self._begun[0]
        return LastLook(before, self._world.freeze(window), is_end=False)

    def close(self) -> None:
        """Closes its windows."""
        for window, _ in self._begun:
            self._world.close_window(window)
