"""The calibration: tests the probes at the start, on an instance that epolltop creates.

Until its end the probes ignore all else. Otherwise the first one would count calls that the others do not see.
"""

from __future__ import annotations

import contextlib
import ctypes
import secrets
import select

from epolltop.bcc.program import Program
from epolltop.sources.bpf import wire

_NOBODY = {"caller": 0, "freed_by": 0, "registered_by": 0, "entered_by": 0, "waited_by": 0}


def calibrate(program: Program) -> wire.Calibration:
    """Creates, changes, waits on and closes an instance; returns what the probes learnt."""
    # Bit 0 has never been a flag of epoll_create1. So the kernel refuses the token, and no other thread passes it.
    token = secrets.randbits(31) | 1
    _store(program, learned(program)._replace(file=0, token=token, **_NOBODY))
    ctypes.CDLL(None).epoll_create1(token)  # Python's own wrapper would refuse it without a system call
    with select.epoll() as own:
        with contextlib.suppress(OSError):
            own.register(own.fileno())  # fails with EINVAL, but the probe sees the call
        own.poll(0)
    return learned(program)


def end_calibration(program: Program) -> None:
    """From here on everything counts, for all probes at once."""
    _store(program, learned(program)._replace(token=0))


def learned(program: Program) -> wire.Calibration:
    """What the probes know."""
    return wire.Calibration._make(program.element("calibration", wire.CALIBRATION))


def _store(program: Program, calibration: wire.Calibration) -> None:
    program.set_element("calibration", wire.CALIBRATION.pack(*calibration))
