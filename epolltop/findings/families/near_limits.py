"""What comes near to a limit: descriptors of a process, watches of a user."""

from __future__ import annotations

from errno import ENOSPC

from epolltop.findings.process_case import ProcessCase
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.findings.user_watches import UserWatches, user_watches, watches_of
from epolltop.model.finding import Severity


def _fd_share(case: ProcessCase) -> float | None:
    fds, limit = case.row.facts.fds, case.row.facts.fd_limit
    return fds / limit if fds is not None and limit else None


def _most(case: ProcessCase) -> str | None:
    kinds = case.row.descriptors
    return max(kinds._asdict().items(), key=lambda item: item[1])[0] if kinds and kinds.total else None


def _most_number(case: ProcessCase) -> int | None:
    return max(case.row.descriptors) if case.row.descriptors else None


FD_PERCENT = Threshold("limit.fd_percent", 80, "A fifth is left.")
FD_CRITICAL_PERCENT = Threshold("limit.fd_critical_percent", 95, "A burst of connections takes the rest.")
FD_LIMIT: Family[ProcessCase] = Family(
    name="limit",
    of="process",
    rules=(
        Rule(
            id="near-fd-limit",
            severity=Severity.WARN,
            brief="{fds} of {fd_limit} fds",
            sentence="{fds} of {fd_limit} descriptors are in use, most of them of kind {most}: {of_kind}",
            means="At the limit every open, accept and socket fails (EMFILE).",
            cause="A leak of descriptors, or a limit that is too low for the load.",
            fix="Close what is not needed; raise the limit (LimitNOFILE=, ulimit -n) if the load needs as many.",
            conditions=(
                Condition(
                    Measure("fd_share", "share", _fd_share, "Share of the limit that is in use."),
                    at_least=FD_PERCENT,
                    critical=FD_CRITICAL_PERCENT,
                ),
            ),
            evidence=(
                Measure("fds", "count", lambda case: case.row.facts.fds, "Open descriptors."),
                Measure("fd_limit", "count", lambda case: case.row.facts.fd_limit, "Soft RLIMIT_NOFILE."),
                Measure("most", "text", _most, "The kind that most of them are of."),
                Measure("of_kind", "count", _most_number, "How many are of that kind."),
                Measure("fd_limit_in_s", "seconds", lambda case: case.row.fd_limit_in_s, "Time until the limit."),
            ),
            lasts_s=0.0,
            healthy="A program that opens as many descriptors as it may, and keeps to that.",
            confirm="View 1 shows FDS and LIMIT; the kinds of descriptors tell what they are.",
            reports=("netty/netty#9413", "Alluxio/alluxio#11307"),
        ),
    ),
)


def _may_watch_share(case: ProcessCase) -> float | None:
    """As if each descriptor were watched once: nobody has to read lists to know that."""
    return 1.0 if _is_refused(case) else _share_of_limit(case, case.cases.descriptors_by_user[case.row.uid])


def _watch_share(case: ProcessCase) -> float | None:
    return 1.0 if _is_refused(case) else _share_of_limit(case, _of_user(case).watches)


def _is_refused(case: ProcessCase) -> bool:
    """Whether adding a watch failed for the limit in the window."""
    refused = {key for key, errors in (case.cases.ctl_errors or {}).items() for _, why in errors if why == ENOSPC}
    return bool(refused) and any(each.traced_key in refused for each in case.row.instances)


def _of_user(case: ProcessCase) -> UserWatches:
    return user_watches(case.cases.by_user[case.row.uid])


def _share_of_limit(case: ProcessCase, number: int) -> float | None:
    limit = case.now.source.watches_max
    return number / limit if limit else None


def _has_most(case: ProcessCase) -> bool:
    """It is told once a user, if adding does not fail."""
    return _of_user(case).largest == case.row.key or _is_refused(case)


_WATCH_PERCENT = Threshold("limit.watch_percent", 80, "A fifth is left.")
WATCH_LIMIT: Family[ProcessCase] = Family(
    name="watches",
    of="process",
    needs_list=True,
    gate=(
        Condition(
            Measure(
                "may_watch",
                "share",
                _may_watch_share,
                "Share of the limit, if each descriptor of the user were watched once.",
            ),
            at_least=_WATCH_PERCENT,
        ),
    ),
    rules=(
        Rule(
            id="near-watch-limit",
            severity=Severity.WARN,
            brief="{watches} of {watches_max} watches",
            sentence="{user} has {watches} watches or more and may have {watches_max}; this process has {of_process}",
            means="At the limit EPOLL_CTL_ADD fails for all programs of the user (ENOSPC).",
            cause="Very many connections, or watches of files that somebody keeps open; the limit counts a user's.",
            fix="Raise fs.epoll.max_user_watches (a watch takes 160 bytes of the kernel), or have fewer watches.",
            conditions=(
                Condition(
                    Measure(
                        "watch_share",
                        "share",
                        _watch_share,
                        "Share of the limit that is known to be in use; all of it, if adding failed with ENOSPC.",
                    ),
                    at_least=_WATCH_PERCENT,
                    critical=Threshold("limit.watch_critical_percent", 95, "A burst of connections takes the rest."),
                ),
                Condition(
                    Measure(
                        "is_largest",
                        "truth",
                        _has_most,
                        "No process of the user has more watches, or it failed to add one.",
                    )
                ),
            ),
            evidence=(
                Measure(
                    "watches",
                    "count",
                    lambda case: _of_user(case).watches,
                    "Watches of the user, as far as they were read.",
                ),
                Measure("watches_max", "count", lambda case: case.now.source.watches_max, "The sysctl."),
                Measure(
                    "of_process",
                    "count",
                    lambda case: watches_of(case.row.instances),
                    "Of these, watches of the process.",
                ),
                Measure("user", "text", lambda case: case.row.user or str(case.row.uid), "Whose watches these are."),
            ),
            lasts_s=0.0,
            healthy="None: the next watch fails.",
            confirm="sysctl fs.epoll.max_user_watches; fs.inotify.max_user_watches is another limit.",
            reports=(),
        ),
    ),
)
