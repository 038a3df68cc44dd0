"""The fields of a process. To add a column, add it here: all that shows, sorts, filters or exports rows reads it.

The field that takes the rest of the line comes last.
"""

from __future__ import annotations

from collections.abc import Callable

from epolltop.model.finding import Finding
from epolltop.model.kept_rates import HISTORY, KEPT_RATES
from epolltop.model.process_row import ProcessRow
from epolltop.model.runtime_of import is_certain, name_of, runtime_of_process, shown
from epolltop.model.snapshot import Snapshot
from epolltop.model.watch import InterestList
from epolltop.query.descriptor_fields import DESCRIPTOR_FIELDS
from epolltop.query.field import Alarm, Field
from epolltop.query.finding_columns import finding_columns
from epolltop.query.instant import seconds_since
from epolltop.query.member import DIGITS, rounded
from epolltop.query.thresholds import BUSY, DESCRIPTORS, LAG_S
from epolltop.query.watch_finder import WATCH_FORMS, watch_finder
from epolltop.query.watch_words import kinds_watched
from epolltop.text.numbers import NOT_APPLICABLE, UNKNOWN, at_least, count, sparkline

_TREND_CELLS = 12


def _without_directory(command: str) -> str:
    """What tells one python3 from the other stands behind a long path."""
    program, blank, arguments = command.partition(" ")
    is_path = program.startswith(("/", "./", "../"))
    return f"{program.rpartition('/')[2] or program}{blank}{arguments}" if is_path else command


_FULL_ID = 64
_SHORT_ID = 12  # as the runtimes' own tools show it


def _container(row: ProcessRow) -> str:
    if row.facts.container is None:
        return NOT_APPLICABLE if row.facts.cgroup else UNKNOWN
    return row.facts.container[:_SHORT_ID] if len(row.facts.container) == _FULL_ID else row.facts.container


def _open(row: ProcessRow) -> str:
    return at_least(count(row.open)) if row.partly_listed else count(row.open)


def _descriptor_use(row: ProcessRow, _: Snapshot) -> Alarm | None:
    fds, limit = row.facts.fds, row.facts.fd_limit
    return DESCRIPTORS.of(fds / limit) if fds is not None and limit else None


def _may_fill(row: ProcessRow, _: Snapshot) -> bool:
    """Whether its descriptors grow towards a limit, as far as is known."""
    grows_not = row.fd_limit_in_s is None and row.growth is not None and row.growth.fds_per_s is not None
    return not grows_not or row.facts.fd_limit is None


def _has_loops(row: ProcessRow, snapshot: Snapshot) -> bool:
    """Whether one of its threads waits, or has waited since the beginning, as far as is known."""
    return bool(row.loops) or not snapshot.window_s or not _sees_waits(snapshot)


def _rate_of(get: Callable[[ProcessRow], float]) -> Callable[[ProcessRow, Snapshot], float | None]:
    """In JSON: what rounds to 0 may be nothing that was counted."""
    return lambda row, _: row.known(round(get(row), DIGITS))


def _ctl_per_s(row: ProcessRow) -> float:
    return sum(map(row.table("ctl").per_s, ("add", "mod", "delete")))


def _sees_waits(snapshot: Snapshot) -> bool:
    return snapshot.source.knows("waits")


def _trend(name: str, title: str, help: str, json_help: str) -> Field[ProcessRow]:
    """The column of one of `KEPT_RATES`, by its name."""

    def known(row: ProcessRow) -> tuple[float, ...] | None:
        rates = row.rates_kept(name)
        return None if row.known(sum(rates)) is None else rates

    def bars(row: ProcessRow, snapshot: Snapshot) -> str:
        rates = known(row) if snapshot.window_s else None
        return UNKNOWN if rates is None else sparkline(rates, _TREND_CELLS)

    return Field(
        name, title, _TREND_CELLS, "per_s", lambda row, _: max(known(row) or (), default=None), help, text=bars,
        observed=KEPT_RATES[name].counters[0], spare=2, many=True, items_max=HISTORY, json_help=json_help,
        json=lambda row, _: None if (rates := known(row)) is None else [rounded(rate) for rate in rates],
    )  # fmt: skip


def _busy(row: ProcessRow, snapshot: Snapshot) -> float | None:
    return row.loops.worst(snapshot.begin_ns, snapshot.now_ns).busy


def _lag_s(row: ProcessRow, snapshot: Snapshot) -> float | None:
    lag_ns = row.loops.worst(snapshot.begin_ns, snapshot.now_ns).lag_ns
    return None if lag_ns is None else lag_ns / 1e9


def _away_p99_s(row: ProcessRow, _: Snapshot) -> float | None:
    """The highest of its loops'."""
    highest = (loop.did.away.quantile(0.99) for loop in row.loops)
    away_ns = max((each for each in highest if each is not None), default=None)
    return None if away_ns is None else away_ns / 1e9


def _lists(row: ProcessRow) -> list[InterestList | None]:
    return [each.interest for each in row.instances]


def _stale(row: ProcessRow) -> int:
    """In the lists that were read."""
    return sum(each.stale for each in _lists(row) if each is not None)


def _stale_text(row: ProcessRow) -> str:
    known = _stale(row)
    if None not in _lists(row):
        return count(known)
    return at_least(count(known)) if known else UNKNOWN


def _found(row: ProcessRow, snapshot: Snapshot) -> tuple[Finding, ...]:
    return snapshot.findings.by_process.get(row.key, ())


_COMMAND: Field[ProcessRow] = Field(
    "command", "COMMAND", 24, "text", lambda row, _: row.command,
    "Command line, from /proc/PID/cmdline; tables leave out the directory of the program.", shown=False,
    aliases=("cmd",), text=lambda row, _: _without_directory(row.command), known=True,
    json_help="Command line, from /proc/PID/cmdline.",
)  # fmt: skip
PROCESS_FIELDS: tuple[Field[ProcessRow], ...] = (
    Field("pid", "PID", 7, "id", lambda row, _: row.pid, "Process id (thread group id).", known=True),
    Field("user", "USER", 8, "text", lambda row, _: row.user, "User that the process runs as."),
    Field("open", "OPEN", 6, "count", lambda row, _: row.open,
          "Epoll instances that the process holds now; one with several descriptors counts once.",
          aliases=("instances",), text=lambda row, _: _open(row), known=True),
    Field("create_per_s", "NEW/S", 7, "per_s", lambda row, _: row.known(row.create_per_s),
          "Instances created per second over the last window; without a probe, the difference between two scans.",
          aliases=("new",), observed="created", json=_rate_of(lambda row: row.create_per_s)),
    Field("release_per_s", "FREED/S", 7, "per_s", lambda row, _: row.known(row.release_per_s),
          "Instances released per second over the last window, by the process that dropped the last reference.",
          observed="released", json=_rate_of(lambda row: row.release_per_s), spare=1),
    Field("waits_per_s", "WAITS/S", 7, "per_s", lambda row, _: row.known(row.table("loops").per_s("waits")),
          "Calls of epoll_wait, epoll_pwait and epoll_pwait2 by its threads that returned, per second over the last "
          "window; the column is there if a probe sees waits.", observed="waits", worth=_sees_waits, spare=1),
    Field("ctl_per_s", "CTL/S", 7, "per_s", lambda row, _: row.known(_ctl_per_s(row)),
          "Changes of interest lists that it asked for per second over the last window, by epoll_ctl or io_uring.",
          observed="add", shown=False),
    Field("ctl_errors_per_s", "CTLERR/S", 8, "per_s",
          lambda row, _: row.known(row.table("ctl_errors").per_s("errors")),
          "Of these, calls that failed, per second over the last window.", observed="errors", shown=False),
    Field("busy", "BUSY", 6, "share", _busy,
          "Share of the window that the busiest of its event loops was away from its instance for; see the view loops.",
          observed="away_ns", worth=_sees_waits, spare=1, applies=_has_loops,
          severity=lambda row, snapshot: BUSY.of(_busy(row, snapshot))),
    Field("lag_now_s", "LAG", 7, "seconds", _lag_s,
          "How long one of its event loops has been away from its instance now at most, in seconds.",
          aliases=("lag",), worth=_sees_waits, spare=1, applies=_has_loops,
          json=lambda row, snapshot: rounded(_lag_s(row, snapshot), 6),
          severity=lambda row, snapshot: LAG_S.of(_lag_s(row, snapshot))),
    Field("net_per_min", "NET/MIN", 7, "per_min", lambda row, _: row.growth and row.growth.net_per_min,
          "Growth of OPEN per minute: over the last minute, or since epolltop first saw the process if that is less.",
          signed=True, json_help="Growth of `open` per minute, negative if it shrinks; over the last minute, or "
          "since epolltop first saw the process if that is less; unknown in the first second."),
    Field("container", "CONTAINER", 12, "text", lambda row, _: row.facts.container,
          "Id of the container that the process is in, from the name of its control group; tables show 12 characters, "
          "and have the column only if a process is in a container.",
          json_help="Id of the container that the process is in, or its name with LXC and systemd-nspawn; the inner "
          "one if one is inside another. `null`: the name of its control group is not that of a container.",
          text=lambda row, _: _container(row),
          worth=lambda snapshot: any(row.facts.container for row in snapshot.processes), spare=1),
    Field("created", "CREATED", 7, "count", lambda row, _: row.known(row.created),
          "Instances created since the observation began, counted at the return of epoll_create and epoll_create1.",
          observed="created", spare=1),
    Field("released", "FREED", 7, "count", lambda row, _: row.known(row.released),
          "Instances released since the observation began, by the process that dropped the last reference.",
          observed="released", spare=1),
    Field("net", "NET", 6, "count", lambda row, snapshot: snapshot.net_of(row),
          "Instances created minus released since the observation began: how many the process added to the machine.",
          shown=False, signed=True),
    Field("create_failed", "FAILED", 6, "count", lambda row, _: row.known(row.failed),
          "Calls of epoll_create and epoll_create1 that failed since the observation began; unknown where no probe "
          "traces them.",
          observed="failed", of="failed", severity=lambda row, _: "warn" if row.failed else None,
          spare=1),
    Field("fds", "FDS", 6, "count", lambda row, _: row.facts.fds,
          "Open descriptors of any kind, from /proc/PID/fd.", severity=_descriptor_use),
    Field("fd_limit", "LIMIT", 6, "count", lambda row, _: row.facts.fd_limit,
          "Maximum number of open descriptors: the soft RLIMIT_NOFILE of the process.", severity=_descriptor_use,
          json_help="Maximum number of open descriptors: the soft RLIMIT_NOFILE of the process; `null`: no limit."),
    Field("fd_limit_in_s", "FULL", 7, "seconds", lambda row, _: row.fd_limit_in_s,
          "Time until FDS reaches LIMIT, at the growth of the last minute or hour, whichever is faster; - if FDS does "
          "not grow.",
          applies=_may_fill,
          json_help="Seconds until `fds` reaches `fd_limit`, at the growth of the last minute or hour, whichever is "
          "faster; 0 if the limit is reached, otherwise `null` unless `fds` grows.",
          order=lambda row, _: None if row.fd_limit_in_s is None else -row.fd_limit_in_s),
    Field("ns_pid", "NSPID", 7, "id", lambda row, _: row.facts.ns_pid,
          "Process id in the innermost PID namespace of the process, from /proc/PID/status; tables have the column "
          "only if a process is in a namespace below epolltop's.",
          applies=lambda row, _: row.is_nested or row.facts.ns_pid is None,
          json_help="Process id in the innermost PID namespace of the process; equal to `pid` if that is epolltop's.",
          worth=lambda snapshot: any(row.is_nested for row in snapshot.processes), spare=2),
    Field("age_s", "AGE", 7, "seconds", lambda row, snapshot: seconds_since(row.started_ns, snapshot),
          "Time since the process started, in seconds.",
          spare=2, in_json=False),
    _trend("history", "TREND",
           "Instances created per second, a bar per refresh, the newest on the right; sort and filter use the largest.",
           "`create_per_s` of the last refreshes, starting with the first creation, the newest last; one number after "
           "a single window."),
    Field("runtime", "RUNTIME", 9, "text", lambda row, snapshot: name_of(runtime_of_process(row, snapshot)),
          "What its event loops run on, such as libuv or asyncio; with a ? either its code or how it waits tells that, "
          "otherwise both do; see docs/runtimes.md.",
          text=lambda row, snapshot: shown(runtime_of_process(row, snapshot)), spare=2, in_json=False),
    Field("name", "NAME", 15, "text", lambda row, _: row.name, "Name of the process, from /proc/PID/comm.",
          aliases=("comm",), spare=2, known=True),
    Field("net_per_hour", "NET/H", 7, "per_h", lambda row, _: row.growth and row.growth.net_per_h,
          "Growth of OPEN per hour: over the last hour, or since epolltop first saw the process if that is less.",
          aliases=("growth",), shown=False, signed=True, json_help="The same per hour, over the last hour."),
    Field("growth_over_s", "OVER", 7, "seconds", lambda row, snapshot: row.growth_over_s(snapshot.now_ns),
          "Time that NET/H covers: an hour, or the time since epolltop first saw the process.", shown=False,
          json_help="Seconds that `net_per_hour` covers: 3,600, or the time since epolltop first saw the process."),
    Field("threads", "THREADS", 7, "count", lambda row, _: row.facts.threads,
          "Threads of the process, from /proc/PID/stat.", shown=False),
    Field("ppid", "PPID", 7, "id", lambda row, _: row.facts.ppid, "Process id of the parent.", shown=False),
    Field("uid", "UID", 6, "id", lambda row, _: row.uid, "Number of the user that the process runs as.", shown=False),
    Field("cgroup", "CGROUP", 24, "text", lambda row, _: row.facts.cgroup, "Path of the control group.", shown=False),
    Field("sampled_out", "SAMPLED", 7, "count", lambda row, _: row.known(row.sampled_out),
          "Instances created above the detail rate since the observation began: counted, but without an event; unknown "
          "where no probe traces creation.",
          observed="sampled_out", shown=False),
    Field("failed_sampled_out", "FAILSAMP", 8, "count", lambda row, _: row.known(row.failed_sampled_out),
          "Calls that failed above the detail rate since the observation began: counted, but without an event; unknown "
          "where no probe traces them.",
          observed="failed_sampled_out", shown=False),
    Field("loops", "LOOPS", 5, "count", lambda row, _: len(row.loops),
          "Event loops: threads of the process with each instance that they wait on.", observed="waits", kind="gauge",
          shown=False),
    Field("events_per_s", "EV/S", 7, "per_s", lambda row, _: row.known(row.table("loops").per_s("events")),
          "Events that its threads got from waits, per second over the last window.", observed="events", shown=False),
    Field("away_p99_s", "AWAYP99", 7, "seconds", _away_p99_s,
          "How long its event loops were away from their instance: the highest 99th percentile of the window, in "
          "seconds.", observed="away_ns", shown=False, applies=_has_loops,
          json=_away_p99_s),
    Field("runtime_certain", "SURE", 5, "text",
          lambda row, snapshot: is_certain(runtime_of_process(row, snapshot)),
          "Whether both its code and how it waits tell the runtime: yes or no.", shown=False, in_json=False),
    Field("stale", "STALE", 5, "count", lambda row, _: None if None in _lists(row) else _stale(row),
          "Watches of its instances whose descriptor was closed, or is another file by now; read where it is asked "
          "for.",
          kind="gauge", of_watches=True, shown=False, in_json=False, least=lambda row, _: _stale(row),
          text=lambda row, _: _stale_text(row)),
    Field("watch", "WATCH", 24, "text", lambda row, _: kinds_watched(filter(None, _lists(row))) or None,
          f"What its instances watch: how many targets of each kind; read where it is asked for; {WATCH_FORMS}",
          of_watches=True, finds=watch_finder(_lists), shown=False, in_json=False),
    Field("ended", "ENDED", 5, "text", lambda row, _: row.ended, "Whether the process has ended: yes or no.",
          shown=False, form="truth", known=True,
          json_help="Whether the process has ended; it is listed because of what it did."),
    *DESCRIPTOR_FIELDS,
    *finding_columns(
        _found, _COMMAND, command_of="the command line", then_by="OPEN", order=lambda row, _: row.open,
    ),
)  # fmt: skip
