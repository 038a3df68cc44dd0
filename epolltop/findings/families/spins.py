"""Spins: waits that return at once, again and again, and nothing takes what they return.

Immediate returns alone are no spin: busy servers have thousands in a row, with the same event first if one connection
is busy. So each rule needs proof, or a good sign, that the event leads to nothing. See progress.py.
"""

from __future__ import annotations

from select import EPOLLHUP, EPOLLIN, EPOLLOUT

from epolltop.findings.families.spin_measures import (
    EVIDENCE,
    LEVEL,
    NOTHING_TAKEN,
    SAME_EVENT,
    WAIT,
    WAITS,
    WAITS_MIN,
    added,
    all_hot,
    descriptors_left,
    has_ended,
    hot_fd,
    is_counted,
    is_listener,
    is_stale,
    mask_is,
    processes_of,
    rearms,
)
from epolltop.findings.loop_case import LoopCase
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.model.finding import Severity

SPIN: Family[LoopCase] = Family(
    name="spin",
    of="loop",
    needs_list=True,
    gate=(
        Condition(WAITS, at_least=WAITS_MIN),
        Condition(WAIT, at_most=Threshold("spin.median_wait_us", 20, "A wait that finds an event ready takes less.")),
        SAME_EVENT,
    ),
    rules=(
        Rule(
            id="spin-stale-watch",
            severity=Severity.CRITICAL,
            brief="spin: closed fd {fd}",
            sentence="{waits_per_s} waits a second return at once, {run} of them in a row because of descriptor {fd}, "
            "which is closed; its file is open elsewhere, and watched still",
            means="A core burns. The program cannot end it: by the closed number the watch cannot be deleted.",
            cause="The descriptor was closed before its watch was deleted, while a copy of it (dup, fork, a passed "
            "descriptor) keeps the file open.",
            fix="Delete the watch (EPOLL_CTL_DEL) before close(2). Close the copies: CLOEXEC, and close in children.",
            conditions=(
                Condition(Measure("stale", "truth", is_stale, "The descriptor is closed, or for another file.")),
            ),
            evidence=EVIDENCE,
            fd=hot_fd,
            certain=lambda case: all_hot(case, lambda watch: watch.stale) is True,
            healthy="A stale watch that is quiet costs nothing yet; `stale-watch` tells of it.",
            confirm="View 5: the watch is stale, and `open_as` tells who keeps the file open. EPOLL_CTL_DEL fails with "
            "EBADF or ENOENT.",
            reports=("MagicStack/uvloop#61", "libuv/libuv#1148", "manticoresoftware/manticoresearch#4056"),
        ),
        Rule(
            id="spin-accept",
            severity=Severity.CRITICAL,
            brief="spin: accept, no fd left",
            sentence="{waits_per_s} waits a second return at once, {run} of them in a row for listener {target}: the "
            "process has {descriptors_left} descriptors left to accept with",
            means="A core burns, and nobody can connect.",
            cause="accept(2) fails with EMFILE at the limit of descriptors. The connection stays in the queue, and so "
            "the listener stays readable.",
            fix="Raise the limit (LimitNOFILE=, ulimit -n), or close what leaks. In the program: stop watching the "
            "listener when accept fails, until a descriptor is free.",
            conditions=(
                Condition(
                    Measure[LoopCase](
                        "listener", "truth", lambda case: all_hot(case, is_listener), "The event is of a listener."
                    )
                ),
                Condition(
                    Measure("descriptors_left", "count", descriptors_left, "Until the soft limit of the process."),
                    at_most=Threshold("spin.descriptors_left", 1, "Some programs keep one in reserve."),
                ),
            ),
            evidence=EVIDENCE,
            fd=hot_fd,
            healthy="A server that gets connections faster than it accepts them has descriptors left.",
            confirm="View 1: FDS and LIMIT. strace -e accept4 shows EMFILE.",
            fixes=(("nginx", "worker_rlimit_nofile, and worker_connections below it."),),
            reports=("nodejs/node#45242", "vibe-d/eventcore#49"),
        ),
        Rule(
            id="spin-hangup",
            severity=Severity.CRITICAL,
            brief="spin: {kind} {fd} hung up",
            sentence="{waits_per_s} waits a second return at once, {run} of them in a row with {events} of {target}, "
            "which the program does not close",
            means="A core burns. HUP and ERR come whatever the mask is, until the descriptor is closed.",
            cause="The peer is gone, and the program handles only events that it asked for.",
            fix="Take EPOLLHUP and EPOLLERR as an end: close the descriptor, or delete its watch.",
            conditions=(
                Condition(Measure("ended", "truth", has_ended, "The events have HUP, or ERR without end.")),
                Condition(
                    Measure("added_per_wait", "count", added, "Watches that are added, a wait."),
                    at_most=Threshold(
                        "spin.added_per_wait", 0.5, "Who closes it and connects again adds one each time."
                    ),
                ),
            ),
            evidence=EVIDENCE,
            fd=hot_fd,
            certain=lambda case: bool((case.hot_mask or 0) & EPOLLHUP),
            healthy="A program that reads what is left of a closed pipe has HUP with it, for less than a second. A "
            "client that connects again and again to a server that is gone closes each socket.",
            confirm="View 5 shows the watch; strace shows that nothing is called for its descriptor.",
            fixes=(("netty", "It rebuilds its selector after 512 such returns; its log says so."),),
            reports=("h2o/h2o#603", "apple/cups#4605", "netty/netty#327", "redpanda-data/seastar#64"),
        ),
        Rule(
            id="spin-shared",
            severity=Severity.CRITICAL,
            brief="spin: shared, fd {fd}",
            sentence="{waits_per_s} waits a second return at once, {run} of them in a row because of descriptor {fd}, "
            "an event that is for another process: {processes} processes use the instance, and this one takes nothing",
            means="A core burns here. The other process may miss events that this one gets.",
            cause="A fork: the child inherited the instance and waits on it, with the watches of its parent.",
            fix="Make a new instance in the child after fork(2), and close the inherited one.",
            conditions=(
                Condition(
                    Measure("processes", "count", processes_of, "That wait on the instance, or created it."),
                    at_least=Threshold("spin.processes", 2, "One that gets what another one has to take."),
                ),
                LEVEL,
                *NOTHING_TAKEN,
            ),
            evidence=EVIDENCE,
            fd=hot_fd,
            certain=is_counted,
            healthy="Workers that share an instance by design take what they get.",
            confirm="View 3 shows the holders of the instance.",
            fixes=(("libevent", "event_reinit() in the child."), ("libev", "ev_loop_fork() in the child.")),
            reports=("eventlet/eventlet#68", "smol-rs/polling#37", "grpc/grpc#32196"),
        ),
        Rule(
            id="spin-ctl",
            severity=Severity.CRITICAL,
            brief="spin: re-adds fd {fd}",
            sentence="{waits_per_s} waits a second return at once, {run} of them in a row with {events} of {target}; "
            "each time the watch is set anew, and nothing is read or written",
            means="A core burns. Adding a watch of what is ready makes a new event, also of an edge-triggered one.",
            cause="The program deletes and adds (or modifies) its watch around each wait.",
            fix="Leave the watch as it is; change it only if its mask changes.",
            conditions=(
                Condition(
                    Measure("rearms_per_wait", "count", rearms, "Pairs of DEL and ADD, and MODs, a wait."),
                    at_least=Threshold("spin.rearms_per_wait", 0.9, "Around each wait."),
                ),
                *NOTHING_TAKEN,
            ),
            evidence=EVIDENCE,
            fd=hot_fd,
            certain=is_counted,
            healthy="A client that arms a watch for each request, such as wrk, reads and writes each time.",
            confirm="View 2 shows the changes of the list; strace -e epoll_ctl.",
            reports=("intel/asynch_mode_nginx#82", "eventlet/eventlet#181"),
        ),
        Rule(
            id="spin-writable",
            severity=Severity.CRITICAL,
            brief="spin: {kind} {fd} writable",
            sentence="{waits_per_s} waits a second return at once, {run} of them in a row because {target} is "
            "writable, and nothing is written",
            means="A core burns: a socket is nearly always writable.",
            cause="EPOLLOUT stays in the mask although there is nothing to write.",
            fix="Add EPOLLOUT only while data waits to be sent, and remove it when all is sent.",
            conditions=(
                Condition(
                    Measure[LoopCase](
                        "only_writable",
                        "truth",
                        lambda case: mask_is(case, lambda mask: mask & 0xFF == EPOLLOUT),
                        "The event is EPOLLOUT alone.",
                    )
                ),
                LEVEL,
                *NOTHING_TAKEN,
            ),
            evidence=EVIDENCE,
            fd=hot_fd,
            certain=is_counted,
            healthy="A program that sends without a pause has EPOLLOUT again and again, and writes each time.",
            confirm="View 5: the watch has EPOLLOUT, is level-triggered, and has nothing unsent.",
            reports=("OpenAtomFoundation/pikiwidb#251", "syslog-ng/syslog-ng#3951"),
        ),
        Rule(
            id="spin-unread",
            severity=Severity.CRITICAL,
            brief="spin: {kind} {fd} not read",
            sentence="{waits_per_s} waits a second return at once, {run} of them in a row because {target} is "
            "readable, and nothing is read",
            means="A core burns, and what has come is not handled.",
            cause="The handler does not read, reads something else, or does not see the end of the stream.",
            fix="Read until EAGAIN; close at the end of the stream; delete the watch of what is not to be read now.",
            conditions=(
                Condition(
                    Measure[LoopCase](
                        "readable",
                        "truth",
                        lambda case: mask_is(case, lambda mask: bool(mask & EPOLLIN)),
                        "The event has EPOLLIN.",
                    )
                ),
                Condition(
                    Measure[LoopCase](
                        "no_listener",
                        "truth",
                        lambda case: all_hot(case, lambda watch: not is_listener(watch)),
                        "It is of no listener.",
                    )
                ),
                LEVEL,
                *NOTHING_TAKEN,
            ),
            evidence=EVIDENCE,
            fd=hot_fd,
            certain=is_counted,
            healthy="One connection that sends without a pause gives as many events in a row; what came of it is read.",
            confirm="View 5: UNREAD of a socket stays, or rises; the count of an eventfd is not 0.",
            reports=("libevent/libevent#1092", "kvspb/nginx-auth-ldap#62", "nodejs/node#11307"),
        ),
    ),
)
