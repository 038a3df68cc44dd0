"""What large blocks took is the kernel's again as soon as they are freed, whatever was freed before."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

_PROGRAM = """
import sys
from pathlib import Path
from epolltop.own_process.heap import map_large_blocks

if "map" in sys.argv:
    map_large_blocks()

def resident_kb():
    return int(Path("/proc/self/status").read_text().split("VmRSS:", 1)[1].split()[0])

del [bytearray(b"x" * (20 << 20))][0]  # from here on glibc does not take up to that much for large
before = resident_kb()
blocks = [bytearray(b"x" * (4 << 20)) for _ in range(8)]
above = bytearray(600)
full = resident_kb()
del blocks
print((full - before) >> 10, (resident_kb() - before) >> 10)
"""


def _kept(*words: str) -> tuple[int, int]:
    said = subprocess.run([sys.executable, "-c", _PROGRAM, *words], check=True, capture_output=True, text=True).stdout
    taken, kept = map(int, said.split())
    return taken, kept


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_large_blocks_go_back_when_they_are_freed() -> None:
    taken, kept = _kept("map")
    assert taken >= 32
    assert kept < 4
    assert _kept()[1] > 16, "without it they would not, so that this test shows nothing"
