"""Findings: what is wrong, with whom, since when, and by which numbers.

A rule in `findings/` makes them, from snapshots. Its id, and evidence by name, are all that a record has: the rule also
has the words.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Annotated, NamedTuple, TypeAlias, TypeVar

from msgspec import Meta

from epolltop.model.bounds import NAME_CHARS_MAX, Name, Note
from epolltop.model.instance_key import InstanceKey
from epolltop.model.loop_row import LoopRow
from epolltop.model.open_enum import OpenEnum
from epolltop.model.process import ProcessKey

FINDINGS_MAX = 10_000
"""That are open at a time, and of which a snapshot tells the worst."""
ENDED_MAX = 1_000
"""Ended ones that are kept, the last."""
FACTS_MAX = 24
"""Numbers and names in the evidence of one."""

Fact: TypeAlias = int | float | Note
Place = TypeVar("Place")


class Severity(OpenEnum):
    """How bad a finding is, the worst last."""

    UNKNOWN = 0
    INFO = 1
    """Worth knowing; it may be by design."""
    WARN = 2
    CRITICAL = 3
    """Costs a core, or ends in a failure soon."""

    @property
    def word(self) -> str:
        """As scripts and users write it."""
        return self.name.lower()


SEVERITIES = {severity.word: severity for severity in (Severity.INFO, Severity.WARN, Severity.CRITICAL)}


class About(NamedTuple):
    """What a finding is about: a process, or an instance, loop or watch of it."""

    process: ProcessKey
    file: int = 0
    """Of the instance, as in Event; 0: it is about no instance."""
    since_ns: int = 0
    """Of the instance: with file, its identity."""
    tid: int = 0
    """Of the loop's thread; 0: it is about no loop."""
    thread_start_ns: int = 0
    fd: int | None = None
    """Of the watch; None: it is about none."""

    @property
    def instance_key(self) -> InstanceKey:
        """As of an Instance; zeros if it is about none."""
        return self.file, self.since_ns


class Finding(NamedTuple):
    """One thing that is wrong, now or earlier."""

    id: Name
    """Of the rule; scripts rely on it."""
    severity: Severity
    about: About
    who: Annotated[str, Meta(max_length=2 * NAME_CHARS_MAX)]
    """For people: `python3 3911`, or `python3 3911/3` of a loop or instance."""
    since_ns: int
    """Boot clock: when its evidence began."""
    is_older: bool
    """It was so already when the observation began, so it began earlier."""
    until_ns: int | None = None
    """Boot clock: when its evidence ended; None: it is open."""
    evidence: Annotated[tuple[tuple[Name, Fact], ...], Meta(max_length=FACTS_MAX)] = ()
    """By name, each name once: the numbers of the last window that showed it; text in it is safe already."""
    worst: float | None = None
    """The highest that its first number was, of all windows that showed it."""
    certain: bool = True
    """Whether nothing else explains the evidence."""

    @property
    def facts(self) -> Mapping[str, Fact]:
        """The evidence by name."""
        return dict(self.evidence)

    def for_s(self, now_ns: int) -> float:
        """How long it has been so, or was."""
        return max(0, (self.until_ns or now_ns) - self.since_ns) / 1e9


class Findings(tuple[Finding, ...]):
    """Those that are open, the worst first, and by what they are about."""

    @functools.cached_property
    def by_process(self) -> Mapping[ProcessKey, tuple[Finding, ...]]:
        """All that is found in each process, its loops, instances and watches included."""
        return _grouped((finding.about.process, finding) for finding in self)

    @functools.cached_property
    def by_instance(self) -> Mapping[InstanceKey, tuple[Finding, ...]]:
        """All that is about each instance, its loops and watches included."""
        return _grouped((finding.about.instance_key, finding) for finding in self if finding.about.file)

    @functools.cached_property
    def by_loop(self) -> Mapping[tuple[InstanceKey, int], tuple[Finding, ...]]:
        """All that is about each loop, see `loop_place`."""
        return _grouped(((each.about.instance_key, each.about.tid), each) for each in self if each.about.tid)


def loop_place(loop: LoopRow) -> tuple[InstanceKey, int]:
    """A loop, as findings about it name it: with its thread. A snapshot file does not tell more."""
    return loop.instance_key, loop.key.tid


NO_FINDINGS = Findings()


def worst_first(finding: Finding) -> tuple[int, bool, int, str]:
    """Sorts findings: the gravest first, certain ones before others, then the oldest."""
    return -finding.severity, not finding.certain, finding.since_ns, finding.id


def _grouped(pairs: Iterable[tuple[Place, Finding]]) -> dict[Place, tuple[Finding, ...]]:
    groups: dict[Place, list[Finding]] = {}
    for place, finding in pairs:
        groups.setdefault(place, []).append(finding)
    return {place: tuple(group) for place, group in groups.items()}
