"""Snapshots made by hand, with everything in them that is hard to print."""

from __future__ import annotations

from dataclasses import replace

from epolltop.model import limits
from epolltop.model.counts import Totals
from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.event import Event, Kind, Syscall
from epolltop.model.histogram import Histogram
from epolltop.model.late_look import Doing, LateLook
from epolltop.model.limits import Limit
from epolltop.model.loop_activity import WaitCall
from epolltop.model.process import CodeFile
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.process_row import Growth
from epolltop.model.snapshot import Snapshot
from epolltop.model.source import Probe
from epolltop.model.thread_waits import ThreadWaits
from epolltop.model.watch import NOT_SEEN, InterestList, Target, TargetKind, Watch
from tests.support.records import NOW_NS, SECOND_NS, event, source, turn
from tests.support.rows import instance, loop_row, process_row, snapshot

STACK = ("epoll_create1+0xb (libc.so.6)", r"leaky|_function\x1b+0x1c (a lib.so)", "[0x7f1200001000]")
SHARED = instance(0xFFFF888101234500, holders=((42, (8, 9)), (77, (5,))), watches=3)._replace(stack=STACK)
OLD = instance(0xFFFF888101234600, holders=((42, (4,)),), found=True, syscall=Syscall.UNKNOWN, argument=None)
SIZED = instance(0xFFFF888101234700, holders=((77, (6,)),), age_s=0.00025, syscall=Syscall.EPOLL_CREATE, argument=1024)
HOSTILE_PIPE = Target(TargetKind.PIPE, r"pipe:[9] ← =io\x1b| 9/4")
LOOPS = (
    loop_row(OLD, thread="nginx"),
    loop_row(
        SHARED,
        tid=43,
        thread=r"=io\x1b|",
        shared=True,
        unattended_since_ns=NOW_NS - SECOND_NS // 4,
        turn=turn(NOW_NS - SECOND_NS, NOW_NS - SECOND_NS // 4, timeout_ns=100_000_000, call=WaitCall.EPOLL_PWAIT),
        poll_delay=Histogram((), 0),
        bad_descriptor=3,
        waited_ns=930_000_000,
        was_away_ns=60_000_000,
        late=LateLook(NOW_NS - SECOND_NS // 4, NOW_NS - SECOND_NS // 8, Doing.BLOCKED, "read", 7, HOSTILE_PIPE, STACK),
    ),
    loop_row(SHARED, tid=44, thread="", shared=True, turn=None, waiting=Histogram((), 0), away=Histogram((), 0)),
)
NGINX = process_row(
    42,
    instances=(OLD, SHARED),
    name="nginx",
    command="nginx: worker process",
    runtime_signs=("nginx",),
    code_files=(CodeFile("libc.so.6", "0a1b2c3d"),),
    descriptors=Descriptors(socket=1200, pipe=3, file=8, epoll=2, eventfd=4, timerfd=5, inotify=1, io_uring=6, other=7),
)
HOSTILE = process_row(
    77,
    name=r"=cmd|'/C calc'!A0",
    command=r"*[x](javascript:1)* |<b>| \x1b[31m `日本語の長い名前` éé",
    user="-1+1",
    cgroup='/"quoted", with comma',
    container="3f2a81d09c" * 6 + "0d4c",
    ns_pid=7,
    runtime_signs=(),
    growth=Growth(-3.0, 12.5, 0.5, NOW_NS - 90 * SECOND_NS),
    instances=(SHARED, SIZED),
    created=123456789,
    create_per_s=0.01,
    failed=3,
    fds=1000,
    descriptors=Descriptors(other=1000),
    thread_waits=ThreadWaits(poll=3, select=1, io_uring=2),
)
GONE = process_row(
    99,
    start=0,
    name="",
    command="[]",
    uid=None,
    user=None,
    cgroup=None,
    ns_pid=None,
    ppid=None,
    fds=None,
    fd_limit=None,
    started_ns=None,
    ended=True,
    created=1,
    released=1,
    history=(),
)
EVENTS: tuple[Event, ...] = (
    event(stack=STACK),
    event(kind=Kind.CREATE_FAILED, fd=None, errno=24, syscall=Syscall.EPOLL_CREATE, argument=1024, file=0, stack=STACK),
    event(kind=Kind.CREATE_FAILED, fd=None, errno=4095, argument=0o2000001, file=0, name=r"e\x1bvil|"),
    event(kind=Kind.RELEASE, time_ns=NOW_NS, fd=None),
    event(kind=Kind.RELEASE, created_ns=0, pid=2, name="kworker/0:1", by_kernel=True, uid=0, fd=None, cgroup=0),
    event(kind=Kind.FOUND, created_ns=0, tid=0, ppid=0, uid=None, name="", argument=None, syscall=Syscall.UNKNOWN),
    event(kind=Kind.GONE, since_ns=0, created_ns=0, pid=0, tid=0, start=0, name="日本語の長い名前の長い名前"),
)


def exact(*, window_s: float = 2.5) -> Snapshot:
    """As the probes see it; without a window nothing was counted yet."""
    made = snapshot(NGINX, HOSTILE, GONE, journal=EVENTS, window_s=window_s)
    return replace(
        made,
        open=4,
        partly_listed=True,  # one could not be read
        unheld=(instance(0xFFFF888101234800, holders=()),),
        create_per_s=49382717.6,
        release_per_s=0.8,
        cpu_share=0.0123,
        totals=Totals(created=123456795, failed=3, released=9, released_by_kernel=1),
        source=replace(
            made.source,
            sees_run_queues=True,
            probes=(
                Probe("epoll_create", "tracepoint:syscalls:sys_exit_epoll_create1, tracepoint:second", traces=True),
                Probe("files_free", "raw_tracepoint:kmem_cache_free", traces=True),
            ),
            census_by="iterator:task_file",
            events=1234567,
            lost=2,
            sampled_out=99,
            failed_sampled_out=7,
            overflowed=1,
            stacks_left_out=12,
            unreadable=1,
        ),
    )


def looping(*, window_s: float = 2.5) -> Snapshot:
    """As the probes see it, with that of waits; one loop waits on an instance that is gone."""
    made = exact(window_s=window_s)
    gone = loop_row(instance(0xA00), pid=77, tid=78, since_ns=None, turn=None, is_elsewhere=True)
    rows = (replace(NGINX, loops=ProcessLoops(LOOPS)), replace(HOSTILE, loops=ProcessLoops((gone,))), GONE)
    wait = Probe("epoll_wait", "fentry:do_epoll_wait", traces=True)
    return replace(made, processes=rows, source=replace(made.source, probes=(*made.source.probes, wait)))


def watching() -> Snapshot:
    """What one instance watches was read, in part; another list was not."""
    watches = (
        Watch(3, 0x10000019, 3, Target(TargetKind.TCP, "[::1]:80", (("state", "LISTEN"), ("backlog", 5))), False, True),
        Watch(7, 0xC0000005, 1 << 63, Target(TargetKind.UNIX, r"@=cmd|\x1b\x0a日本語, \"|"), True, False),
        Watch(
            7, 0x2019, 7, Target(TargetKind.PIPE, "pipe:[9] ← sh 77/1", (("end", "read"), ("inode", 9))), False, None
        ),
        Watch(12, 0xC0000000, 12, NOT_SEEN, None, None),
        Watch(13, 1, 13, Target(TargetKind.EPOLL, "[eventpoll]"), False, False, nested=OLD.file),
    )
    read = SHARED._replace(watches=1000, interest=InterestList(watches, more=995, unnamed=1))
    rows = (replace(NGINX, instances=(OLD, read)), replace(HOSTILE, instances=(read, SIZED)), GONE)
    return replace(exact(), processes=rows)


def bounded() -> Snapshot:
    """As /proc shows it: lower bounds."""
    made = exact()
    by = source(
        kind="proc",
        host=made.source.host,
        probes=(
            Probe("epoll_create", "/proc/PID/fd and kcmp", traces=False),
            Probe("files_free", "/proc/PID/fd and kcmp", traces=False),
        ),
        census_by="/proc/PID/fd and kcmp",
        limits=(
            Limit.of(
                limits.ONLY_PROC,
                cause="privileges",
                uid=65534,
                state="too_few",
                program="epolltop",
            ),
            Limit(limits.SHORT_LIVED_UNSEEN),
        ),
        unreadable=17,
    )
    return replace(made, source=by, cpu_share=0.5)
