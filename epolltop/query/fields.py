"""The registry of fields. To add a column, add it here: table, sort, filter, export, help and docs read these tuples.

The field that takes the rest of the line comes last in each.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import NamedTuple

from epolltop.model.batch import Event, Kind, Syscall
from epolltop.model.history import HISTORY
from epolltop.model.snapshot import Instance, ProcessRow, Provenance, Snapshot
from epolltop.query.field import GAP, Field, Severity, Unit, UnknownField, Value, fitting, lookup, shown
from epolltop.query.member import DIGITS, Row, rounded
from epolltop.text.numbers import UNKNOWN, at_least, count, duration, sparkline, timestamp

__all__ = [
    "EVENT_FIELDS",
    "GAP",
    "HELD_FIELDS",
    "INSTANCE_FIELDS",
    "PROCESS_FIELDS",
    "Field",
    "InstanceOf",
    "Row",
    "Severity",
    "Unit",
    "UnknownField",
    "Value",
    "argument_text",
    "error_name",
    "event_name",
    "fitting",
    "flag_names",
    "lookup",
    "shown",
    "utc",
]

_NOT_APPLICABLE = "-"
_EPOLL_CLOEXEC = 0o2000000
_TREND_CELLS = 12


class InstanceOf(NamedTuple):
    """An instance, as one of its holders sees it."""

    instance: Instance
    process: ProcessRow | None
    """None: nobody holds it, see Snapshot.unheld."""

    @property
    def fds(self) -> tuple[int, ...]:
        """Descriptors of this holder, ascending."""
        return self.instance.fds_of(self.process.key) if self.process else ()

    @property
    def cloexec(self) -> tuple[bool | None, ...]:
        """Whether each of them is closed on exec; None if not known."""
        return self.instance.cloexec_of(self.process.key) if self.process else ()


def flag_names(argument: int) -> tuple[str, ...]:
    """Flags of epoll_create1: EPOLL_CLOEXEC, and what no kernel knows in hexadecimal."""
    rest = argument & 0xFFFFFFFF & ~_EPOLL_CLOEXEC
    return ("EPOLL_CLOEXEC",) * bool(argument & _EPOLL_CLOEXEC) + (f"{rest:#x}",) * bool(rest)


def argument_text(syscall: Syscall, argument: int | None) -> str | None:
    """What the instance was created with: size=1024, EPOLL_CLOEXEC, 0; None if not seen."""
    if argument is None or syscall is Syscall.UNKNOWN:
        return None
    return f"size={argument}" if syscall is Syscall.EPOLL_CREATE else "|".join(flag_names(argument)) or "0"


def _stack(frames: tuple[str, ...]) -> str | None:
    return " < ".join(frames) or None


def _without_directory(command: str) -> str:
    """What tells one python3 from the other stands behind a long path."""
    program, blank, arguments = command.partition(" ")
    is_path = program.startswith(("/", "./", "../"))
    return f"{program.rpartition('/')[2] or program}{blank}{arguments}" if is_path else command


_FULL_ID = 64
_SHORT_ID = 12  # as the runtimes' own tools show it


def _container(row: ProcessRow) -> str:
    if row.facts.container is None:
        return _NOT_APPLICABLE if row.facts.cgroup else UNKNOWN
    return row.facts.container[:_SHORT_ID] if len(row.facts.container) == _FULL_ID else row.facts.container


def _ns_pid(row: ProcessRow) -> str:
    return _or_unknown(row.facts.ns_pid) if row.is_nested or row.facts.ns_pid is None else _NOT_APPLICABLE


def _open(row: ProcessRow) -> str:
    return at_least(count(row.open)) if row.partly_listed else count(row.open)


def _descriptor_use(row: ProcessRow) -> Severity | None:
    used = row.facts.fds / row.facts.fd_limit if row.facts.fds is not None and row.facts.fd_limit else 0.0
    return "error" if used > 0.95 else "warn" if used > 0.8 else None


def _full(row: ProcessRow) -> str:
    grows_not = row.fd_limit_in_s is None and row.growth is not None and row.growth.fds_per_s is not None
    return _NOT_APPLICABLE if grows_not and row.facts.fd_limit is not None else duration(row.fd_limit_in_s)


def _rate_of(get: Callable[[ProcessRow], float]) -> Callable[[ProcessRow, Snapshot], float | None]:
    """In JSON: what rounds to 0 may be nothing that was counted."""
    return lambda row, _: row.known(round(get(row), DIGITS))


def _history(row: ProcessRow) -> list[float | None] | None:
    return None if row.known(sum(row.history)) is None else [rounded(rate) for rate in row.history]


def _told_by_calls(get: Callable[[ProcessRow], int]) -> Callable[[ProcessRow, Snapshot], int | None]:
    """What only a probe on the calls can tell."""
    return lambda row, snapshot: row.known(get(row)) if snapshot.source.sees_failures else None


def _seconds_since(at_ns: int | None, snapshot: Snapshot) -> float | None:
    return None if at_ns is None else max(0, snapshot.now_ns - at_ns) / 1e9


def utc(at_ns: int | None, snapshot: Snapshot) -> str | None:
    """An instant of the boot clock as RFC 3339."""
    return timestamp(snapshot.wall_of(at_ns), utc=True) if at_ns else None


def _local(at_ns: int | None, snapshot: Snapshot) -> str:
    return timestamp(snapshot.wall_of(at_ns)) if at_ns else UNKNOWN


PROCESS_FIELDS: tuple[Field[ProcessRow], ...] = (
    Field("pid", "PID", 7, "id", lambda row, _: row.pid, "Process id (thread group id).", known=True),
    Field("user", "USER", 8, "text", lambda row, _: row.user, "User that the process runs as."),
    Field("open", "OPEN", 6, "count", lambda row, _: row.open,
          "Epoll instances that the process holds now, each once however many descriptors refer to it.",
          aliases=("instances",), text=lambda row, _: _open(row), known=True),
    Field("create_per_s", "NEW/S", 7, "per_s", lambda row, _: row.known(row.create_per_s),
          "Instances created per second over the last window; where no probe traces, what two looks show.",
          aliases=("new",), observed="created", json=_rate_of(lambda row: row.create_per_s)),
    Field("release_per_s", "FREED/S", 7, "per_s", lambda row, _: row.known(row.release_per_s),
          "Instances released per second over the last window, charged to the process that dropped the last reference.",
          observed="released", json=_rate_of(lambda row: row.release_per_s), spare=1),
    Field("net_per_min", "NET/MIN", 7, "per_min", lambda row, _: row.growth and row.growth.net_per_min,
          "Growth of OPEN a minute: over the last minute, or since the process is known if that is shorter.",
          signed=True, json_help="Growth of `open` a minute, negative where it shrinks: over the last minute, or "
          "since the process is known if that is shorter; unknown if it is known for less than a second."),
    Field("container", "CONTAINER", 12, "text", lambda row, _: row.facts.container,
          "Id of the container that the process is in, from the name of its control group; tables show 12 characters; "
          "the column is there if a process is in one.",
          json_help="Id of the container that the process is in, or its name with LXC and systemd-nspawn; the inner "
          "one if one is inside another. `null`: its control group is not named as a container's.",
          text=lambda row, _: _container(row),
          worth=lambda snapshot: any(row.facts.container for row in snapshot.processes), spare=1),
    Field("created", "CREATED", 7, "count", lambda row, _: row.known(row.created),
          "Instances created since the observation began, counted at the return of epoll_create and epoll_create1.",
          observed="created", spare=1),
    Field("released", "FREED", 7, "count", lambda row, _: row.known(row.released),
          "Instances released since the observation began: the process dropped the last reference to them.",
          observed="released", spare=1),
    Field("net", "NET", 6, "count", lambda row, snapshot: snapshot.net_of(row),
          "Instances created less released since the observation began: what the process added to the machine's.",
          shown=False, signed=True),
    Field("create_failed", "FAILED", 6, "count", _told_by_calls(lambda row: row.failed),
          "Calls of epoll_create and epoll_create1 that failed since the observation began; unknown where no probe "
          "traces them.",
          observed="failed", severity=lambda row: "warn" if row.failed else None,
          spare=1),
    Field("fds", "FDS", 6, "count", lambda row, _: row.facts.fds,
          "Open descriptors of any kind, from /proc/PID/fd.", severity=_descriptor_use),
    Field("fd_limit", "LIMIT", 6, "count", lambda row, _: row.facts.fd_limit,
          "Most descriptors that the process may have open: its soft RLIMIT_NOFILE.", severity=_descriptor_use,
          json_help="Most descriptors that the process may have open: its soft RLIMIT_NOFILE; `null`: no limit."),
    Field("fd_limit_in_s", "FULL", 7, "seconds", lambda row, _: row.fd_limit_in_s,
          "Time until FDS reaches LIMIT, at the growth of the last minute or hour, whichever is faster; - if FDS does "
          "not grow.",
          text=lambda row, _: _full(row),
          json_help="Seconds until `fds` reaches `fd_limit`, at the growth of the last minute or hour, whichever is "
          "faster; 0 if it has reached it, otherwise `null` unless it grows.",
          order=lambda row, _: None if row.fd_limit_in_s is None else -row.fd_limit_in_s),
    Field("ns_pid", "NSPID", 7, "id", lambda row, _: row.facts.ns_pid,
          "Process id inside: in the innermost PID namespace of the process, from /proc/PID/status; the column is "
          "there if a process is in one below ours.",
          text=lambda row, _: _ns_pid(row),
          json_help="Process id in the innermost PID namespace of the process; `pid` again if that is ours.",
          worth=lambda snapshot: any(row.is_nested for row in snapshot.processes), spare=2),
    Field("age_s", "AGE", 7, "seconds", lambda row, snapshot: _seconds_since(row.started_ns, snapshot),
          "Time since the process started, in seconds.",
          spare=2, in_json=False),
    Field("history", "TREND", _TREND_CELLS, "per_s",
          lambda row, _: row.known(max(row.history)) if row.history else None,
          "Instances created per second, a bar per refresh, the newest on the right; sort and filter take the largest.",
          text=lambda row, snapshot: sparkline(row.history, _TREND_CELLS)
          if snapshot.window_s and row.known(sum(row.history)) is not None else UNKNOWN,
          observed="created", spare=2, json=lambda row, _: _history(row), many=True, items_max=HISTORY,
          json_help="`create_per_s` of the last refreshes, the newest last, from the first creation on; one number "
          "after a single window."),
    Field("name", "NAME", 15, "text", lambda row, _: row.name, "Name of the process, from /proc/PID/comm.",
          aliases=("comm",), spare=2, known=True),
    Field("net_per_hour", "NET/H", 7, "per_h", lambda row, _: row.growth and row.growth.net_per_h,
          "Growth of OPEN an hour: over the last hour, or since the process is known if that is shorter.",
          aliases=("growth",), shown=False, signed=True, json_help="The same an hour."),
    Field("growth_over_s", "OVER", 7, "seconds", lambda row, snapshot: row.growth_over_s(snapshot.now_ns),
          "How long NET/H is taken over: an hour, or as long as the process is known.", shown=False,
          json_help="Seconds that `net_per_hour` is taken over: 3,600, or as long as the process is known."),
    Field("ppid", "PPID", 7, "id", lambda row, _: row.facts.ppid, "Process id of the parent.", shown=False),
    Field("uid", "UID", 6, "id", lambda row, _: row.uid, "Number of the user that the process runs as.", shown=False),
    Field("cgroup", "CGROUP", 24, "text", lambda row, _: row.facts.cgroup, "Path of the control group.", shown=False),
    Field("sampled_out", "SAMPLED", 7, "count", _told_by_calls(lambda row: row.sampled_out),
          "Instances created above the detail rate since the observation began: counted, but without an event; unknown "
          "where no probe traces creation.",
          observed="sampled_out", shown=False),
    Field("failed_sampled_out", "FAILSAMP", 8, "count", _told_by_calls(lambda row: row.failed_sampled_out),
          "Calls that failed above the detail rate since the observation began: counted, but without an event; unknown "
          "where no probe traces them.",
          observed="failed_sampled_out", shown=False),
    Field("ended", "ENDED", 5, "text", lambda row, _: row.ended, "Whether the process has ended: yes or no.",
          shown=False, form="truth", known=True,
          json_help="Whether the process has ended; it is listed for what it did."),
    Field("command", "COMMAND", 0, "text", lambda row, _: row.command,
          "Command line, from /proc/PID/cmdline; in tables without the directory of the program.",
          aliases=("cmd",), text=lambda row, _: _without_directory(row.command), known=True,
          json_help="Command line, from /proc/PID/cmdline."),
)  # fmt: skip


def _descriptors(row: InstanceOf, width: int = 8) -> str:
    joined = ",".join(map(str, row.fds))
    return joined if len(joined) <= width else f"{len(row.fds)} fds"


def _cloexec(row: InstanceOf) -> bool | None:
    """No, if one of them is known to stay open: that leaks."""
    told = row.cloexec
    return False if False in told else None if None in told or not told else True


def _least_age(row: InstanceOf, snapshot: Snapshot) -> str:
    mark = "≥" if row.instance.provenance is Provenance.FOUND else ""
    return mark + duration(_seconds_since(row.instance.since_ns, snapshot))


def _holders(row: InstanceOf, most: int = 8) -> str:
    count = row.instance.holder_count
    pids = [str(holder.process.pid) for holder in row.instance.holders[:most]]
    return f"{count}: {','.join(pids)}{'…' if count > len(pids) else ''}" if count > 1 else str(count)


HELD_FIELDS: tuple[Field[InstanceOf], ...] = (
    Field("fds", "FDS", 8, "text", lambda row, _: ",".join(map(str, row.fds)),
          "Descriptors of this process that refer to the instance, or how many where they do not fit.",
          text=lambda row, _: _descriptors(row), json=lambda row, _: list(row.fds), form="integer", known=True,
          many=True, json_help="Descriptors of this process that refer to the instance."),
    Field("age_s", "AGE", 8, "seconds", lambda row, snapshot: _seconds_since(row.instance.created_ns, snapshot),
          "Time since creation, in seconds; if creation was not seen, at least the time since it was found.",
          text=_least_age, order=lambda row, _: -row.instance.since_ns,
          least=lambda row, snapshot: _seconds_since(row.instance.since_ns, snapshot),
          json=lambda row, snapshot: rounded(_seconds_since(row.instance.created_ns, snapshot), 6),
          json_help="Seconds since creation, if that was seen."),
    Field("provenance", "SEEN", 6, "text", lambda row, _: row.instance.provenance.value,
          "How the instance is known: traced, its creation was seen; found, a census met it.",
          spare=1, known=True, choices=tuple(each.value for each in Provenance)),
    Field("argument", "ARG", 13, "text", lambda row, _: argument_text(row.instance.syscall, row.instance.argument),
          "Argument of its creation: the size given to epoll_create or the flags given to epoll_create1.",
          spare=2, in_json=False),
    Field("watches", "WATCHES", 7, "count", lambda row, _: row.instance.watches,
          "Registrations in its interest list, counted in /proc/PID/fdinfo; a long list is counted less often.",
          json_help="Registrations in its interest list, of up to 10,000 instances or one second of reading."),
    Field("creator", "CREATOR", 7, "id", lambda row, _: row.instance.creator.pid if row.instance.creator else None,
          "Process id of its creator, if the creation was seen.",
          spare=2),
    Field("creator_thread", "THREAD", 15, "text",
          lambda row, _: row.instance.thread.name if row.instance.thread else None,
          "Name that the creating thread had then, if an event told.", aliases=("thread",), shown=False),
    Field("creator_tid", "TID", 7, "id", lambda row, _: row.instance.thread.tid if row.instance.thread else None,
          "Id of the creating thread.", shown=False),
    Field("cloexec", "CLOEXEC", 7, "text", lambda row, _: _cloexec(row),
          "Whether all descriptors of this process for it are closed when it executes another program, without BPF's "
          "iterator as of when its watches were counted: yes or no.",
          shown=False, json=lambda row, _: list(row.cloexec), form="truth", known=True, many=True, gaps=True,
          json_help="For each of `fds`, whether it is closed when the process executes another program; unknown if "
          "that was not read."),
    Field("holder_count", "HOLDERS", 12, "count", lambda row, _: row.instance.holder_count,
          "Processes with a descriptor for it, and their process ids if there are several.",
          text=lambda row, _: _holders(row), known=True, json_help="How many processes have a descriptor for it."),
    Field("created_at", "CREATED", 12, "text", lambda row, snapshot: utc(row.instance.created_ns, snapshot),
          "Time of creation if that was seen: the local time of day on screen, UTC elsewhere.",
          text=lambda row, snapshot: _local(row.instance.created_ns, snapshot), shown=False, form="time",
          json_help="Time of creation, if that was seen."),
    Field("stack", "STACK", 40, "text", lambda row, _: _stack(row.instance.stack),
          "Functions of the creator's user stack, innermost first, if --stacks took it.", shown=False,
          json=lambda row, _: list(row.instance.stack) or None, many=True,
          json_help="Functions of the creator's user stack, innermost first, if --stacks took it; see below."),
    Field("id", "ID", 0, "text", lambda row, _: row.instance.id,
          "Name of the instance: its kernel address and the nanosecond since boot when it was created or found.",
          json_help="Name of the instance, stable for as long as it lives and never used again: its kernel address "
          "and the nanosecond since boot when it was created or found.",
          spare=3, known=True, pattern="[0-9a-f]{1,16}@[0-9]{1,18}"),
)  # fmt: skip
"""Of an instance whose holder is given."""


def _of_holder(field: Field[ProcessRow], *, width: int | None = None, shown: bool = True) -> Field[InstanceOf]:
    def value(row: InstanceOf, snapshot: Snapshot) -> Value:
        return field.value(row.process, snapshot) if row.process else None

    return Field(field.id, field.title, width or field.width, field.unit, value, f"Of the holder: {field.help}",
                 aliases=field.aliases, shown=shown,
                 text=lambda row, snapshot: field.show(row.process, snapshot) if row.process else _NOT_APPLICABLE,
                 )  # fmt: skip


_HOLDER = {field.id: field for field in PROCESS_FIELDS}

INSTANCE_FIELDS: tuple[Field[InstanceOf], ...] = (
    _of_holder(_HOLDER["pid"]),
    _of_holder(_HOLDER["name"]),
    *HELD_FIELDS[:-1],
    _of_holder(_HOLDER["user"], shown=False),
    _of_holder(_HOLDER["container"], shown=False),
    _of_holder(_HOLDER["ns_pid"], shown=False),
    _of_holder(_HOLDER["command"], width=24, shown=False),
    HELD_FIELDS[-1],
)
"""Of an instance among all, one row for each holder."""


_KINDS = {
    Kind.CREATE: "create",
    Kind.CREATE_FAILED: "create failed",
    Kind.RELEASE: "release",
    Kind.FOUND: "found",
    Kind.GONE: "gone",
}

_EVENT_NAMES = {
    Kind.CREATE: "epoll_create1",
    Kind.CREATE_FAILED: "epoll_create1",
    Kind.RELEASE: "files_free",
    Kind.FOUND: "epoll_found",
    Kind.GONE: "epoll_gone",
}


def event_name(event: Event) -> str:
    """Its name in records and of its page in docs/events: the system call, else the probe or what a census inferred."""
    return event.syscall.name.lower() if _is_call(event) and event.syscall else _EVENT_NAMES[event.kind]


def _is_call(event: Event) -> bool:
    return event.kind in (Kind.CREATE, Kind.CREATE_FAILED)


def error_name(event: Event) -> str | None:
    """Why creation failed: EMFILE, or a number that has no name; None if it did not."""
    return errno.errorcode.get(event.errno, str(event.errno)) if event.errno else None


def _result(event: Event) -> str | None:
    return error_name(event) or (None if event.fd is None else str(event.fd))


def _or_unknown(value: object) -> str:
    return UNKNOWN if value is None else str(value)


def _lifetime(event: Event) -> float | None:
    return None if event.lifetime_ns is None else event.lifetime_ns / 1e9


EVENT_FIELDS: tuple[Field[Event], ...] = (
    Field("time", "TIME", 12, "text", lambda event, snapshot: utc(event.time_ns, snapshot),
          "When it happened: the local time of day on screen, UTC elsewhere.",
          text=lambda event, snapshot: _local(event.time_ns, snapshot)),
    Field("kind", "EVENT", 13, "text", lambda event, _: _KINDS[event.kind],
          "create, create failed and release were traced; found and gone are differences between two censuses.",
          aliases=("type",)),
    Field("pid", "PID", 7, "id", lambda event, _: event.pid or None,
          "Process id of the actor; a release is by the process that dropped the last reference."),
    Field("name", "NAME", 15, "text", lambda event, _: event.name or None, "Name of the acting thread.",
          aliases=("comm",)),
    Field("result", "RESULT", 7, "text", lambda event, _: _result(event),
          "What the call returned: a descriptor, or why creation failed.",
          text=lambda event, _: _or_unknown(_result(event)) if _is_call(event) else _NOT_APPLICABLE,
          severity=lambda event: "error" if event.errno else None),
    Field("argument", "ARG", 13, "text", lambda event, _: argument_text(event.syscall, event.argument),
          "The size given to epoll_create or the flags given to epoll_create1.",
          text=lambda event, _: argument_text(event.syscall, event.argument)
          or (UNKNOWN if _is_call(event) else _NOT_APPLICABLE)),
    Field("lifetime", "LIFETIME", 8, "seconds", lambda event, _: _lifetime(event),
          "From creation to release, in seconds, if both were seen.",
          text=lambda event, _: duration(_lifetime(event)) if event.kind is Kind.RELEASE else _NOT_APPLICABLE),
    Field("tid", "TID", 7, "id", lambda event, _: event.tid or None, "Thread id of the actor.", shown=False),
    Field("ppid", "PPID", 7, "id", lambda event, _: event.ppid or None, "Process id of the actor's parent.",
          shown=False),
    Field("uid", "UID", 6, "id", lambda event, _: event.uid, "Number of the user that the actor runs as.", shown=False),
    Field("start", "START", 12, "id", lambda event, _: event.start or None,
          "Start of the acting process in clock ticks since boot: with the pid, its identity.", shown=False),
    Field("cgroup", "CGROUP", 12, "id", lambda event, _: event.cgroup or None,
          "Number of the actor's control group (v2).", shown=False),
    Field("by_kernel", "KERNEL", 6, "text", lambda event, _: event.by_kernel,
          "Whether a kernel thread acted, as for descriptors dropped while in flight: yes or no.", shown=False),
    Field("by_census", "CENSUS", 6, "text", lambda event, _: event.by_census,
          "yes: epolltop's census, or another program that looked, held the last reference for a moment; pid is the "
          "creator's, and who closed the instance is not known.", shown=False),
    Field("syscall", "SYSCALL", 13, "text",
          lambda event, _: event.syscall.name.lower() if event.syscall else None,
          "The call that created the instance.", shown=False),
    Field("fd", "FD", 5, "id", lambda event, _: event.fd, "Descriptor that creation returned.", shown=False,
          text=lambda event, _: _or_unknown(event.fd) if event.kind is Kind.CREATE else _NOT_APPLICABLE),
    Field("errno", "ERRNO", 7, "text", lambda event, _: error_name(event), "Why creation failed.", shown=False,
          text=lambda event, _: error_name(event) or _NOT_APPLICABLE),
    Field("created_at", "CREATED", 12, "text", lambda event, snapshot: utc(event.created_ns, snapshot),
          "When the instance was created, if that was seen: the local time of day on screen, UTC elsewhere.",
          text=lambda event, snapshot: _local(event.created_ns, snapshot), shown=False),
    Field("stack", "STACK", 40, "text", lambda event, _: _stack(event.stack),
          "Functions of the actor's user stack at a creation, innermost first, if --stacks took it.", shown=False,
          text=lambda event, _: _or_unknown(_stack(event.stack)) if _is_call(event) else _NOT_APPLICABLE),
    Field("instance", "INSTANCE", 0, "text", lambda event, _: event.instance,
          "Name of the instance: its kernel address and the nanosecond since boot when it was created or found.",
          spare=3),
)  # fmt: skip
