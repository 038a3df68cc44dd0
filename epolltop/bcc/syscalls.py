"""perf_event_open(2), bpf(2) and mount(2), called directly.

libbcc wraps the first two, but how completely depends on its version: 0.18 cannot read a map in batches or open a
buffer whose events wake nobody, finds tracepoints only in debugfs, and cannot read the types of newer kernels.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import struct

TRACEFS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
"""Where tracefs may be mounted, the usual place first."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

# perf_event_open and bpf, from the kernel's tables of system calls.
_PERF_EVENT_OPEN, _BPF = {"x86_64": (298, 321), "aarch64": (241, 280)}.get(platform.machine(), (-1, -1))

# include/uapi/linux/perf_event.h: the first 64 bytes of struct perf_event_attr, which every kernel takes. type, size,
# config, sample_period, sample_type, read_format, flags, wakeup_events, bp_type, bp_addr
_ATTRIBUTES = struct.Struct("=IIQQQQQIIQ")
_TYPE_SOFTWARE, _TYPE_TRACEPOINT = 1, 2
_SOFTWARE_BPF_OUTPUT = 10
_SAMPLE_RAW = 1 << 10
_FLAG_FD_CLOEXEC = 8
_IOC_ENABLE, _IOC_SET_BPF = 0x2400, 0x40042408

# include/uapi/linux/bpf.h: in_batch, out_batch, keys, values, count, map_fd, elem_flags, flags
_BATCH = struct.Struct("=QQQQIIQQ")
_COUNT = struct.Struct("=32xI")
# prog_type, insn_cnt, insns, license, no log (level, size, buffer), kern_version, prog_flags, prog_name, prog_ifindex,
# expected_attach_type, no types of the program's own, attach_btf_id, attach_prog_fd, padding
_PROGRAM = struct.Struct("=IIQQ16xII16sII36xIII")
_PROG_LOAD, _MAP_LOOKUP_BATCH, _ENABLE_STATS = 5, 24, 32
_PROG_TYPE_TRACING, _TRACE_ITER = 26, 28


class Refused(OSError):
    """A system call that the kernel refused."""

    def __init__(self, call: str, number: int, what: str = "") -> None:
        """Takes the name of the call, errno, and what was asked for if the name does not say it."""
        super().__init__(number, f"{what or call}: {os.strerror(number)}")
        self.call = call


class NoTracepoint(OSError):
    """A tracepoint that cannot be looked up: the kernel has none of that name, or tracefs is out of reach."""


def open_output(cpu: int, wakeup_events: int) -> int:
    """Opens the perf event to which BPF programs on a CPU write records; the caller maps, registers and enables it.

    Args:
        cpu: an online one.
        wakeup_events: number of records after which a reader waiting on the descriptor is woken.

    Raises:
        OSError: the kernel refused.
    """
    return _perf_event_open(_TYPE_SOFTWARE, _SOFTWARE_BPF_OUTPUT, cpu, wakeup_events)


def enable(event: int) -> None:
    """Starts a perf event.

    Raises:
        OSError: the kernel refused.
    """
    fcntl.ioctl(event, _IOC_ENABLE, 0)


def attach_tracepoint(target: str, program: int) -> int:
    """Runs a BPF program at a tracepoint, on all CPUs, until the returned descriptor is closed.

    Args:
        target: category:name.
        program: descriptor of the program.

    Raises:
        NoTracepoint: absent, or out of reach.
        OSError: the kernel refused.
    """
    event = _perf_event_open(_TYPE_TRACEPOINT, _tracepoint(target), min(os.sched_getaffinity(0)), 1)  # any, if online
    try:
        fcntl.ioctl(event, _IOC_SET_BPF, program)
        enable(event)
    except OSError:
        os.close(event)
        raise
    return event


def mount(kind: str, directory: str) -> None:
    """Adds a file system that has no device. The program mount is not run, because PATH decides which one that is.

    Raises:
        OSError: the kernel refused.
    """
    name = kind.encode()
    if _libc.mount(name, directory.encode(), name, ctypes.c_ulong(0), None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), directory)


def read_batch(map_fd: int, keys: ctypes.Array[ctypes.c_char], values: ctypes.Array[ctypes.c_char], limit: int) -> int:
    """Fills both arrays with entries of a hash map, from its beginning (Linux 5.6); returns how many there were.

    Raises:
        OSError: the kernel refused.
    """
    position = ctypes.c_uint32()
    places = map(ctypes.addressof, (position, keys, values))
    attributes = ctypes.create_string_buffer(_BATCH.pack(0, *places, limit, map_fd, 0, 0), _BATCH.size)
    result = _libc.syscall(
        ctypes.c_long(_BPF), ctypes.c_long(_MAP_LOOKUP_BATCH), attributes, ctypes.c_long(_BATCH.size)
    )
    if result < 0 and ctypes.get_errno() != errno.ENOENT:  # the end of the map was reached, as wanted
        raise OSError(ctypes.get_errno(), "cannot read a BPF map")
    count: int = _COUNT.unpack_from(attributes)[0]
    return count


def enable_statistics() -> int:
    """Has the kernel time each run of each BPF program, until the returned descriptor is closed (Linux 5.8).

    Raises:
        OSError: the kernel refused.
    """
    run_time = ctypes.create_string_buffer(4)
    statistics = _bpf(_ENABLE_STATS, run_time)
    if statistics < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return statistics


def load_iterator(instructions: int, count: int, target: int) -> int:
    """Loads an iterator program; returns its descriptor.

    Args:
        instructions: address of the first instruction.
        count: number of instructions.
        target: BTF id of the kernel's function bpf_iter_NAME.

    Raises:
        OSError: the kernel refused.
    """
    licence = ctypes.create_string_buffer(b"GPL")
    packed = _PROGRAM.pack(
        _PROG_TYPE_TRACING,
        count,
        instructions,
        ctypes.addressof(licence),
        0,
        0,
        b"iterator",
        0,
        _TRACE_ITER,
        target,
        0,
        0,
    )
    program = _bpf(_PROG_LOAD, ctypes.create_string_buffer(packed, len(packed)))
    if program < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return program


def _bpf(command: int, attributes: ctypes.Array[ctypes.c_char]) -> int:
    return int(_libc.syscall(*map(ctypes.c_long, (_BPF, command)), attributes, ctypes.c_long(len(attributes))))


def _perf_event_open(kind: int, config: int, cpu: int, wakeup_events: int) -> int:
    attributes = ctypes.create_string_buffer(
        _ATTRIBUTES.pack(kind, _ATTRIBUTES.size, config, 1, _SAMPLE_RAW, 0, 0, wakeup_events, 0, 0), _ATTRIBUTES.size
    )
    everyone, no_group = -1, -1
    numbers = map(ctypes.c_long, (everyone, cpu, no_group, _FLAG_FD_CLOEXEC))
    event = _libc.syscall(ctypes.c_long(_PERF_EVENT_OPEN), attributes, *numbers)
    if event < 0:
        raise Refused("perf_event_open", ctypes.get_errno())
    return int(event)


def _tracepoint(target: str) -> int:
    """The id of a tracepoint in this boot."""
    for directory in TRACEFS:
        try:
            with open(os.path.join(directory, "events", *target.split(":"), "id"), encoding="ascii") as file:
                return int(file.read())
        except FileNotFoundError:
            pass
        except OSError as error:
            raise NoTracepoint(error.errno, error.strerror, error.filename) from None
    raise NoTracepoint(errno.ENOENT, f"no tracepoint {target} in {' or '.join(TRACEFS)}")
