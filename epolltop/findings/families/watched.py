"""What is wrong with interest lists. They are read in turn, and what two readings agree about counts."""

from __future__ import annotations

from collections.abc import Iterable

from epolltop.findings.instance_case import InstanceCase
from epolltop.findings.readings import WatchIdentity
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.model.finding import Severity
from epolltop.model.watch import Watch
from epolltop.text.numbers import UNKNOWN

_ANY = Threshold("stale.watches", 1, "One is enough: its descriptor is closed, so no DEL removes it any more.")


def _read_ago_s(case: InstanceCase) -> float | None:
    reading = case.reading
    return None if reading is None or not reading.of.at_ns else max(0, case.now.now_ns - reading.of.at_ns) / 1e9


def _first(watches: Iterable[Watch]) -> Watch | None:
    return next(iter(watches), None)


def _fd(watch: Watch | None) -> int | None:
    return None if watch is None else watch.fd


def _title(watch: Watch | None) -> str | None:
    return None if watch is None else watch.target.title


# Stale watches


def _stale(case: InstanceCase) -> list[Watch]:
    """In both readings: between a close and what follows it a watch may be stale for a moment."""
    if case.reading is None or case.earlier is None:
        return []
    return [watch for identity, watch in case.reading.stale.items() if identity in case.earlier.stale]


def _stale_number(case: InstanceCase) -> int | None:
    return None if case.earlier is None else len(_stale(case))


def _kept_by(case: InstanceCase) -> str | None:
    """Who has the file open still, that its watch stays."""
    watch = _first(_stale(case))
    if watch is None:
        return None
    told = dict(watch.target.details)
    if "open_as_pid" in told:
        return f"{told.get('open_as_name', UNKNOWN)} {told['open_as_pid']}/{told.get('open_as_fd', UNKNOWN)}"
    if "open_as_fd" in told:
        return f"descriptor {told['open_as_fd']} of the same process"
    return {True: "another process", False: "a copy in the same process"}.get(watch.shared, "a copy")  # type: ignore[arg-type]


_READ = Measure[InstanceCase]("read_ago_s", "seconds", _read_ago_s, "How long ago the list was read.")
STALE: Family[InstanceCase] = Family(
    name="stale",
    of="instance",
    among="read",
    needs_list=True,
    gate=(
        Condition(
            Measure(
                "stale_now",
                "truth",
                lambda case: None if case.reading is None else bool(case.reading.stale),
                "A watch is stale: its descriptor is closed, or for another file, in all processes with the instance.",
            )
        ),
    ),
    rules=(
        Rule(
            id="stale-watch",
            severity=Severity.WARN,
            brief="stale watch: fd {fd}",
            sentence="it still watches {target}, although its descriptor {fd} is closed: {kept_by} keeps the file open",
            means="Its events wake the loop for a number that means nothing any more, and no DEL can remove it.",
            cause="A dup of the descriptor, or a child that inherited it, keeps the file open after close().",
            fix="Remove the watch (EPOLL_CTL_DEL) before close(); open with close-on-exec what no child needs.",
            conditions=(
                Condition(
                    Measure(
                        "stale", "count", _stale_number, "Watches that were stale in two readings, 5 s or more apart."
                    ),
                    at_least=_ANY,
                ),
            ),
            evidence=(
                Measure("fd", "id", lambda case: _fd(_first(_stale(case))), "By which the first of them was added."),
                Measure("target", "text", lambda case: _title(_first(_stale(case))), "What that is."),
                Measure("kept_by", "text", _kept_by, "Who has it open."),
                _READ,
            ),
            fd=lambda case: _fd(_first(_stale(case))),
            lasts_s=0.0,
            healthy="A program that passes its sockets on, while events of a closed one do no harm: it ignores them.",
            confirm="View 5 with the filter `stale`; `ls -l /proc/PID/fd` lacks the number, /proc/PID/fdinfo has it.",
            reports=("libuv/libuv#1468", "curl/curl#21779", "h2o/h2o#1427", "jiixyj/epoll-shim#7"),
        ),
    ),
)

# Edge-triggered watches that stall


def _stalled(case: InstanceCase) -> list[WatchIdentity]:
    """With as many unread bytes in both readings, while loops wait and none of them had an event in between."""
    if case.reading is None or case.earlier is None:
        return []
    waits = any(each.row.is_waiting for each in case.loops)
    if not waits or case.events is None or case.events != case.earlier.events or case.reading.unsent:
        return []
    before = case.earlier.unread
    return [identity for identity, unread in case.reading.unread.items() if before.get(identity) == unread]


def _stalled_watch(case: InstanceCase) -> Watch | None:
    identity = next(iter(_stalled(case)), None)
    return case.reading.watch(identity) if identity and case.reading else None


def _stalled_bytes(case: InstanceCase) -> int | None:
    if case.reading is None or case.earlier is None or case.events is None:
        return None
    return sum(case.reading.unread[identity] for identity in _stalled(case))


def _quiet_s(case: InstanceCase) -> float | None:
    earlier = case.earlier
    is_quiet = earlier is not None and case.events is not None and case.events == earlier.events
    return max(0, case.now.now_ns - earlier.of.at_ns) / 1e9 if earlier and is_quiet else None


STALLED: Family[InstanceCase] = Family(
    name="stalled",
    of="instance",
    among="read",
    needs_list=True,
    gate=(
        Condition(
            Measure(
                "unread_now",
                "truth",
                lambda case: None if case.reading is None else bool(case.reading.unread),
                "A connection that is watched for edges, or whose watch for one event had it, has unread bytes.",
            )
        ),
    ),
    rules=(
        Rule(
            id="stalled-edge",
            severity=Severity.WARN,
            brief="stalled: {unread} unread",
            sentence="{unread} bytes of {target} are unread while the loop waits, without an event for {quiet_s}",
            means="No further event tells of them: until the peer sends more, its request is not answered.",
            cause="The program did not read until EAGAIN (EPOLLET), or did not arm its watch again (EPOLLONESHOT).",
            fix="Read until EAGAIN after each edge; arm a one-shot watch again with EPOLL_CTL_MOD when it is served.",
            conditions=(
                Condition(
                    Measure(
                        "unread",
                        "count",
                        _stalled_bytes,
                        "Bytes that were unread in two readings, 5 s or more apart, with nothing unsent meanwhile.",
                    ),
                    at_least=Threshold("stalled.unread", 1, "The end of a stream does not count."),
                ),
                Condition(
                    Measure("quiet_s", "seconds", _quiet_s, "For how long the loop has had no event."),
                    at_least=Threshold("stalled.quiet_ms", 5000, "What is still on its way comes sooner."),
                ),
            ),
            evidence=(
                Measure("fd", "id", lambda case: _fd(_stalled_watch(case)), "Descriptor of the first of them."),
                Measure("target", "text", lambda case: _title(_stalled_watch(case)), "What that is."),
            ),
            fd=lambda case: _fd(_stalled_watch(case)),
            lasts_s=0.0,
            certain=False,
            healthy="A program that stops reading on purpose, because it waits for something else before it goes on.",
            confirm="`ss -tnp` or `ss -xp` shows the same Recv-Q for long; `strace -p` one recv() after an event.",
            reports=("tokio-rs/mio#45", "anuragsoni/poll#15", "meh/nucular#6"),
        ),
    ),
)

# Watches that are good for some of several holders


def _foreign(case: InstanceCase) -> list[Watch]:
    """In both readings: what a process has open may change between two of its calls."""
    if case.reading is None or case.earlier is None:
        return []
    return [watch for identity, watch in case.reading.lacking.items() if identity in case.earlier.lacking]


def _holders_wait(case: InstanceCase) -> bool:
    return len({each.process.key for each in case.loops}) > 1


FOREIGN: Family[InstanceCase] = Family(
    name="foreign",
    of="instance",
    among="read",
    needs_list=True,
    gate=(
        Condition(
            Measure(
                "lacking_now",
                "truth",
                lambda case: None if case.reading is None else bool(case.reading.lacking),
                "Several processes hold the instance, and a watch means something in some of them only.",
            )
        ),
    ),
    rules=(
        Rule(
            id="watch-of-another",
            severity=Severity.INFO,
            brief="fd {fd}: not in all holders",
            sentence="it watches {target} as descriptor {fd}, which {lacking} of the {holders} processes that hold it "
            "do not have",
            means="A process without it that waits gets events for a number that is closed there, or for another file.",
            cause="A child inherited the instance by fork, and either side closed or opened descriptors after that.",
            fix="Close the instance in the child, and make one there; EPOLL_CLOEXEC keeps it from other programs.",
            conditions=(
                Condition(
                    Measure(
                        "watches",
                        "count",
                        lambda case: None if case.earlier is None else len(_foreign(case)),
                        "Such watches, in two readings 5 s or more apart.",
                    ),
                    at_least=Threshold("foreign.watches", 1, "Each of them leads nowhere elsewhere."),
                ),
            ),
            evidence=(
                Measure("fd", "id", lambda case: _fd(_first(_foreign(case))), "The first of them."),
                Measure("target", "text", lambda case: _title(_first(_foreign(case))), "What that is."),
                Measure(
                    "lacking",
                    "count",
                    lambda case: next((watch.lacking for watch in _foreign(case)), None),
                    "Processes that hold the instance without that.",
                ),
                Measure("holders", "count", lambda case: case.instance.holder_count, "Processes that hold it."),
            ),
            fd=lambda case: _fd(_first(_foreign(case))),
            lasts_s=0.0,
            certain=_holders_wait,
            healthy="A child that inherited the instance and never waits on it.",
            confirm="Compare /proc/PID/fd of both processes; view 4 shows which of them wait.",
            reports=("unbit/uwsgi#1713", "grpc/grpc#43432"),
        ),
    ),
)
