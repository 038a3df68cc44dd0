"""A live source whose windows are judged as those of epolltop are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from epolltop.findings.diagnosis import Diagnosis
from epolltop.model.finding import Finding, Findings
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.model.world import World
from epolltop.session.observation import descriptors_of
from epolltop.sources import Wanted
from epolltop.sources.bpf.bpf_source import BpfSource
from tests.waiting import eventually

WINDOWS = 10
"""In which evidence that lasts is found: so many, and nothing, is healthy."""
PATIENCE = 60
"""Windows after which nothing will be found. On a busy machine lists are read late."""


class Noting(Diagnosis):
    """A judge that notes what was open in each window, and keeps the last one."""

    seen: Snapshot

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[Findings] = []

    def look(self, snapshot: Snapshot) -> None:
        super().look(snapshot)
        self.windows.append(self.findings)
        self.seen = snapshot


def of_suspects(judge: Diagnosis) -> Wanted:
    """The lists that rules suspect, and no others."""
    suspects = descriptors_of(judge.suspects)
    return Wanted(asked=suspects, suspects=suspects.keys())


def of_all(judge: Diagnosis) -> Wanted:
    """The others in turn, too, as an observation wants them."""
    return replace(of_suspects(judge), in_turn=descriptors_of(judge.in_turn))


class Live:
    """A source, a world and its judge."""

    def __init__(
        self, source: BpfSource, pids: Collection[int] = (), *, wanted: Callable[[Diagnosis], Wanted] = of_all
    ) -> None:
        """Has seen nothing yet.

        Args:
            source: is open.
            pids: of the processes that count; none: all.
            wanted: which lists are read for the judge.
        """
        self._source, self._wanted = source, wanted
        self._judge = Noting()
        self._world = World(Selection(frozenset(pids)), self._judge)

    def of(self, pids: Collection[int]) -> Live:
        """Another world and judge with the same source, of some processes: only their lists take turns."""
        return Live(self._source, pids, wanted=self._wanted)

    def next_window(self) -> Snapshot:
        """Polls until one more is judged; that one."""
        judged = len(self._judge.windows)

        def is_judged() -> bool:
            self._world.apply(self._source.poll(self._wanted(self._judge)))
            return len(self._judge.windows) > judged

        eventually(is_judged)
        return self._judge.seen

    def found(self, ids: Collection[str], pids: Collection[int]) -> list[Finding]:
        """Of these rules what is open of these processes."""
        return [each for each in self._judge.findings if each.id in ids and each.about.process.pid in pids]

    def finds(self, id: str, pids: Collection[int]) -> Finding:
        """The first finding of a rule.

        Raises:
            AssertionError: there was none.
        """
        for _ in range(PATIENCE):
            self.next_window()
            if found := self.found({id}, pids):
                return found[0]
        raise AssertionError(f"not within {PATIENCE} windows; open: {self._judge.findings}")


@contextmanager
def live(*, wanted: Callable[[Diagnosis], Wanted] = of_all) -> Iterator[Live]:
    """With the budget that users have; see `Live`."""
    source = BpfSource()
    source.open()
    try:
        yield Live(source, wanted=wanted)
    finally:
        source.close()
