"""Which hook each probe gets: the first rung of its ladder that attaches, found by trying.

Checks in advance are unreliable: a kernel may list fentry and refuse it, or lack kprobes. The screen shows the result.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from epolltop.bcc.machine import THIS
from epolltop.bcc.program import AttachError, Program
from epolltop.sources.bpf.census import CENSUS, CensusTaker
from epolltop.sources.bpf.probes import PROBES, epoll_wait
from epolltop.sources.bpf.probes.spec import WITHOUT, Hook, Ladder, Rung

CENSUS_LADDER = "census"
"""The name of the ladder for the census, beside those of the probes."""


@dataclass(frozen=True, slots=True)
class Ladders:
    """What is tried for each probe and for the census, by name, best first."""

    probes: Mapping[str, Ladder] = field(default_factory=lambda: {each.name: each.ladder(THIS) for each in PROBES})
    census: Mapping[str, Callable[[Program, bool], CensusTaker]] = field(default_factory=lambda: CENSUS)

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Of all rungs, by ladder."""
        return {name: tuple(ladder) for name, ladder in (*self.probes.items(), (CENSUS_LADDER, self.census))}

    @property
    def units(self) -> tuple[str, ...]:
        """C files to compile: those of probes that have a hook, and what they share."""
        probes = [each.unit for each in PROBES if any(self.probes[each.name].values())]
        late = ["late.c"] if epoll_wait.PROBE.unit in probes else []
        return ("common.c", "stack.c", *probes, "census.c", *late)

    def having(self, probe: str, ladder: Ladder) -> Ladders:
        """The same with another ladder for one of the probes."""
        return replace(self, probes={**self.probes, probe: ladder})

    def only(self, probe: str, rung: str) -> Ladders:
        """The same, but with a single rung in one of the ladders.

        Raises:
            LookupError: there is no such ladder or rung; the message names those there are.
        """
        if probe not in self.names:
            raise LookupError(f"there is no probe {probe!r}, only {', '.join(self.names)}")
        if rung not in self.names[probe]:
            raise LookupError(f"{probe} has no hook {rung!r}, only {', '.join(self.names[probe])}")
        if probe == CENSUS_LADDER:
            return replace(self, census={rung: self.census[rung]})
        return self.having(probe, {rung: self.probes[probe][rung]})

    def without(self, probe: str) -> Ladders:
        """The same without one of the probes: nothing of it is compiled or attached.

        Raises:
            LookupError: it cannot be left out, or is no probe; the message names those that can.
        """
        spare = [each.name for each in PROBES if each.limit]
        if probe in spare:
            return self.having(probe, {WITHOUT: ()})
        raise LookupError(f"only {', '.join(spare)} can be left out, not {probe!r}")


ALL = Ladders()


@dataclass(frozen=True, slots=True)
class Attached:
    """The rung that holds."""

    rung: str
    hooks: Rung
    sees_compat: bool
    """Whether 32-bit tasks are seen, by each of their calls."""
    refused: tuple[str, ...] = ()
    """The hook at which each better rung failed, and how: `fentry:do_epoll_wait=EPERM`."""

    @property
    def attached_to(self) -> str:
        """For the screen and the snapshot; empty for the rung without a hook."""
        return ", ".join(f"{hook.how}:{hook.target}" for hook in self.hooks)


class NoRung(Exception):
    """No rung of a ladder holds."""

    def __init__(self, ladder: str, refused: Sequence[str], *, no_tracepoint: bool = False) -> None:
        super().__init__(f"{ladder}: {' '.join(refused)}")
        self.ladder = ladder
        """The name of the probe, or `CENSUS_LADDER`."""
        self.refused = " ".join(refused)
        """As in Attached."""
        self.no_tracepoint = no_tracepoint
        """A tracepoint was not there, or out of reach."""


UNPROVEN = "unproven"
"""The outcome of a rung that attached, but did not see an instance of epolltop's own."""


def climb(program: Program, probe: str, ladder: Ladder, proof: Callable[[], bool]) -> Attached:
    """Attaches the first rung that holds as a whole and passes the proof; one without hooks always does.

    Args:
        program: has the functions that the hooks name.
        probe: whose ladder it is.
        ladder: best rung first, by name.
        proof: whether what is attached now saw an instance of epolltop's own.

    Raises:
        NoRung: none holds.
    """
    refused: list[str] = []
    no_tracepoint = False
    for name, rung in ladder.items():
        held: list[Hook] = []
        try:
            for hook in rung:
                try:
                    program.attach(hook.how, hook.program, hook.target)
                    held.append(hook)
                except AttachError:
                    if not hook.optional:
                        raise
            if not rung or proof():
                compat = [hook for hook in rung if hook.compat]
                return Attached(name, tuple(held), bool(compat) and set(compat) <= set(held), tuple(refused))
            refused.append(f"{rung[0].how}:{rung[0].target}={UNPROVEN}")
        except AttachError as error:
            refused.append(_told(error))
            no_tracepoint |= error.no_tracepoint
        release(program, tuple(held))
    raise NoRung(probe, refused, no_tracepoint=no_tracepoint)


def first_census(
    program: Program, ladder: Mapping[str, Callable[[Program, bool], CensusTaker]], *, include_self: bool
) -> CensusTaker:
    """The first way to take a census that works.

    Raises:
        NoRung: none does.
    """
    refused: list[str] = []
    for take in ladder.values():
        try:
            return take(program, include_self)
        except AttachError as error:
            refused.append(_told(error))
    raise NoRung(CENSUS_LADDER, refused)


def _told(error: AttachError) -> str:
    return f"{error.hook}={errno.errorcode.get(error.errno, 'refused')}"


def release(program: Program, hooks: Rung) -> None:
    """Detaches a rung."""
    for hook in hooks:
        program.detach(hook.how, hook.target)
