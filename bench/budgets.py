"""The budgets, in one place. They are those of the design (section Budgets); README.md shows them beside a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent on one thing."""

    name: str
    limit: float | None
    """At most; None: it is measured for comparison, or holds or does not (`target` says)."""
    unit: str
    target: str = ""
    """In words where a number does not say it."""

    @property
    def text(self) -> str:
        """As a table shows it."""
        if self.limit is None:
            return self.target or "-"
        return f"≤ {self.limit:g} {self.unit}" + (f", {self.target}" if self.target else "")


PAIR_TRACEPOINTS = Budget("create+close pair, full detail, 10,000/s", 1500, "ns", "by tracepoints")
PAIR_FUNCTIONS = Budget("create+close pair, full detail, 10,000/s", 1000, "ns", "by function probes")
PAIR_STACKS = Budget("create+close pair, full detail, --stacks", None, "ns")
STORM_PAIR_TRACEPOINTS = Budget("create+close pair, storm, shedding", 1500, "ns", "by tracepoints")
STORM_PAIR_FUNCTIONS = Budget("create+close pair, storm, shedding", 1000, "ns", "by function probes")
UNRELATED_TRACEPOINTS = Budget("unrelated syscall (getppid)", 70, "ns", "by tracepoints")
UNRELATED_FUNCTIONS = Budget("unrelated syscall (getppid)", 0, "ns", "by function probes")
WAIT_TRACEPOINTS = Budget("epoll_wait, one ready descriptor", 500, "ns", "by tracepoints")
WAIT_FUNCTIONS = Budget("epoll_wait, one ready descriptor", 250, "ns", "by function probes")
CTL_TRACEPOINTS = Budget("epoll_ctl, EPOLL_CTL_MOD", 500, "ns", "by tracepoints")
CTL_FUNCTIONS = Budget("epoll_ctl, EPOLL_CTL_MOD", 250, "ns", "by function probes")

STORM_COUNTS = Budget("storm of 2 processes: counts", None, "", "every one exact")
STORM_LOST = Budget("storm of 2 processes: events lost", 0, "events")
STORM_CPU = Budget("storm of 2 processes: own CPU", None, "% of a core")

CHURN_SCREEN = Budget("50 short-lived processes a second, 20 instances each: own CPU", 5, "% of a core")
CHURN_BATCH = Budget("50 short-lived processes a second, --batch: own CPU", 5, "% of a core")

START_WARM = Budget("start to first full table, warm", 0.8, "s")
START_COLD = Budget("start to first full table, cold", None, "s")
SNAPSHOT = Budget("snapshot -d 0, start to exit", None, "s")
QUIT = Budget("quit: q to terminal back", 0.2, "s")
QUIT_EXIT = Budget("quit: q to process gone", None, "s", "may outlive it")

KEY_QUIET = Budget("key to painted, 100,000 instances: p99", 50, "ms")
KEY_STORM = Budget("key to painted, 100,000 instances, storm: p99", 50, "ms")
KEY_INSTANCES = Budget("key to painted, table of 100,000 instances: p99", 50, "ms")

FLAT_MODEL = Budget("memory growth, an hour of 1,000 events a second", 1, "MB")
FLAT_SOURCE = Budget("memory growth, a storm of short-lived processes", 3, "MB")

ECHO = Budget("echoes/s beside an idle busy poller of 2 threads", None, "of bare")
REDIS = Budget("redis-benchmark GET, 50 connections: requests/s", None, "of bare")
NGINX = Budget("wrk, nginx of 2 workers, 64 connections: requests/s", None, "of bare")

LISTS = {
    watches: (
        Budget(f"turns of a loop beside its list of {watches:,} watches on screen", None, "of bare"),
        Budget(f"its longest turn beside its list of {watches:,} watches on screen", None, "ms"),
    )
    for watches in (100, 10_000, 1_000_000)
}

EXISTING = Budget("find 100,000 existing instances", 0.3, "s")


@dataclass(frozen=True, slots=True)
class Fleet:
    """Processes that hold instances, and what watching them may cost."""

    name: str
    processes: int
    each: int
    cpu: Budget
    rss: Budget
    written: Budget | None = None
    waits_per_s: int = 0
    """Of each process: each of its instances then has a thread that waits. 0: nobody waits."""


FLEETS = (
    Fleet(
        "200 processes",
        200,
        1,
        Budget("own CPU at 1 Hz, 200 processes", 1, "% of a core"),
        Budget("memory (RSS), 200 instances", 80, "MB"),
        Budget("written to the terminal at 1 Hz, 200 processes", None, "bytes/s"),
    ),
    Fleet(
        "10,000 instances",
        10,
        1_000,
        Budget("own CPU at 1 Hz, 10,000 instances", 5, "% of a core"),
        Budget("memory (RSS), 10,000 instances", None, "MB"),
    ),
    Fleet(
        "100,000 instances",
        100,
        1_000,
        Budget("own CPU at 1 Hz, 100,000 instances", 25, "% of a core"),
        Budget("memory (RSS), 100,000 instances", 250, "MB"),
    ),
    Fleet(
        "1,000 loops",
        1,
        1_000,
        Budget("own CPU at 1 Hz, 1,000 loops, 1,000 waits/s", 3, "% of a core"),
        Budget("memory (RSS), 1,000 loops", None, "MB"),
        waits_per_s=1_000,
    ),
    Fleet(
        "10,000 loops",
        10,
        1_000,
        Budget("own CPU at 1 Hz, 10,000 loops, 10,000 waits/s", 10, "% of a core"),
        Budget("memory (RSS), 10,000 loops", None, "MB"),
        waits_per_s=1_000,
    ),
)
