"""What the C side is told about this kernel, as -D constants: offsets and sizes of its structures, from its own BTF."""

from __future__ import annotations

import contextlib
import os

from epolltop.bcc.btf import VMLINUX, Btf
from epolltop.bcc.machine import THIS
from epolltop.errors import SourceUnavailable

_Members = dict[str, tuple[str, str]]

_OFFSETS: _Members = {
    "FILE_F_INODE": ("file", "f_inode"),
    "FILE_F_OP": ("file", "f_op"),
    "FILE_F_PATH": ("file", "f_path"),
    "PATH_DENTRY": ("path", "dentry"),
    "DENTRY_D_NAME": ("dentry", "d_name"),
    "QSTR_NAME": ("qstr", "name"),
    "INODE_INO": ("inode", "i_ino"),
    "INODE_SB": ("inode", "i_sb"),
    "SB_MAGIC": ("super_block", "s_magic"),
    "TASK_FILES": ("task_struct", "files"),
    "TASK_FLAGS": ("task_struct", "flags"),
    "TASK_GROUP_LEADER": ("task_struct", "group_leader"),
    "TASK_MM": ("task_struct", "mm"),
    "TASK_PID": ("task_struct", "pid"),
    "TASK_REAL_PARENT": ("task_struct", "real_parent"),
    "TASK_STACK": ("task_struct", "stack"),
    "TASK_SE": ("task_struct", "se"),
    "TASK_START": ("task_struct", "start_boottime"),
    "TASK_TGID": ("task_struct", "tgid"),
    "TASK_THREAD_PID": ("task_struct", "thread_pid"),
    "PID_LEVEL": ("pid", "level"),
    "PID_NUMBERS": ("pid", "numbers"),
    "UPID_NR": ("upid", "nr"),
    "UPID_NS": ("upid", "ns"),
    "SE_EXEC_RUNTIME": ("sched_entity", "sum_exec_runtime"),
    "FILES_FDT": ("files_struct", "fdt"),
    "FDTABLE_CLOSE_ON_EXEC": ("fdtable", "close_on_exec"),
    "FDTABLE_FD": ("fdtable", "fd"),
    "FDTABLE_MAX_FDS": ("fdtable", "max_fds"),
    "MM_START_STACK": ("mm_struct", "start_stack"),
}
_IO_URING: _Members = {
    "IO_KIOCB_CMD": ("io_kiocb", "cmd"),
    "IO_KIOCB_CQE": ("io_kiocb", "cqe"),
    "IO_KIOCB_OPCODE": ("io_kiocb", "opcode"),
    "IO_CQE_RES": ("io_cqe", "res"),
    "IO_EPOLL_EPFD": ("io_epoll", "epfd"),
    "IO_EPOLL_OP": ("io_epoll", "op"),
    "IO_EPOLL_FD": ("io_epoll", "fd"),
}
"""All since Linux 6.0, if it was built with io_uring."""
_RUNNING: tuple[_Members, ...] = ({"TASK_ON_CPU": ("task_struct", "on_cpu")},)
"""Not if it was built for a single CPU."""
RUN_DELAY = "SCHED_INFO_RUN_DELAY"
_RUN_QUEUES: tuple[_Members, ...] = (
    {"TASK_SCHED_INFO": ("task_struct", "sched_info"), RUN_DELAY: ("sched_info", "run_delay")},
)
"""Not without CONFIG_SCHEDSTATS and CONFIG_TASK_DELAY_ACCT."""
_STATES: tuple[_Members, ...] = (
    {"TASK_STATE": ("task_struct", "__state")},
    {"TASK_STATE": ("task_struct", "state")},  # before Linux 5.14
)
_THROTTLING: tuple[_Members, ...] = (
    {"TASK_THROTTLED": ("task_struct", "throttled")},
    # Before Linux 6.18.
    {"SE_CFS_RQ": ("sched_entity", "cfs_rq"), "CFS_RQ_THROTTLE_COUNT": ("cfs_rq", "throttle_count")},
)
"""None of these if it was built without limits of CPU time."""
_SIZES = {"PT_REGS_SIZE": "pt_regs", "UPID_SIZE": "upid"}


def layout() -> dict[str, int]:
    """Constants by name.

    Raises:
        SourceUnavailable: no BTF, another architecture, or structures that are not as we know them.
    """
    try:
        btf = Btf(VMLINUX.read_bytes())
    except (OSError, ValueError) as error:
        raise SourceUnavailable("btf", {"state": "damaged", "path": str(VMLINUX), "said": str(error)}) from None
    if THIS is None:
        raise SourceUnavailable("architecture", {"machine": os.uname().machine})
    registers = {name: ("pt_regs", member) for name, (member, _) in THIS.registers.items()}
    try:
        constants = btf.offsets(_OFFSETS | registers | {"COMPAT_FLAGS": THIS.compat_flags}) | btf.sizes(_SIZES)
    except LookupError as error:
        raise SourceUnavailable("kernel_layout", {"said": str(error.args[0])}) from None
    for either in ((_IO_URING,), _RUNNING, _RUN_QUEUES, _STATES, _THROTTLING):
        constants |= _first_known(btf, either)
    for name, (_, into) in THIS.registers.items():
        constants[name] += into
    constants |= THIS.constants
    helpers = btf.enumerators("bpf_func_id")
    if "BPF_FUNC_get_current_task_btf" in helpers:
        constants["TYPED_TASK"] = 1
    # Before this structure, in 5.12 and stable kernels of then, a return from a sleep to a detached fexit crashes.
    if btf.has("bpf_tramp_image"):
        constants["FEXIT_MAY_SLEEP"] = 1
    if "BPF_FUNC_task_pt_regs" not in helpers:
        # THREAD_SIZE of x86-64 and arm64, but for kernels built with KASAN; the calibration finds out if it is not.
        constants["KERNEL_STACK_SIZE"] = max(16384, os.sysconf("SC_PAGE_SIZE"))
    return constants


def _first_known(btf: Btf, either: tuple[_Members, ...]) -> dict[str, int]:
    """The offsets of the first members that this kernel has; none if it has none of them."""
    for members in either:
        with contextlib.suppress(LookupError):
            return btf.offsets(members)
    return {}
