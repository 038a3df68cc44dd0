"""Fuzzes until it is stopped, or for some seconds; a line a minute. See the package."""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.fuzz.targets import TARGETS, Wrong

ADDRESSES = 4 << 30
"""Bytes of address space: what asks for more is an error, not the end of the machine."""
CASE_S = 5.0
"""CPU time of one case."""
MINUTE = 60.0
PROGRAM_EVERY = 400
"""Cases of files, of which one goes through the program."""


def main() -> int:
    """The number of cases that were answered wrongly, at most 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--keep", type=Path, default=Path.cwd(), help="directory for what is answered wrongly")
    parser.add_argument("again", nargs="*", help="TARGET FILE: tries a file that was kept")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    if asked.again:
        name, file = asked.again
        said = wrong(name, Path(file).read_bytes())
        sys.stdout.write(f"{said or 'right'}\n")
        return bool(said)
    sys.stdout.write(f"seed {asked.seed}\n")
    return fuzz(asked.seed, asked.seconds, asked.keep)


def fuzz(seed: int, seconds: float, keep: Path) -> int:
    """Tries the targets in turn; each case is a function of seed and number."""
    began = said_at = time.monotonic()
    tried: Counter[str] = Counter()
    faults = 0
    while time.monotonic() - began < seconds:
        for name, target in TARGETS.items():
            case = target.make(random.Random(f"{seed} {name} {tried[name]}"))
            said = wrong(name, case, through_program=tried[name] % PROGRAM_EVERY == 0)
            if said:
                faults += 1
                kept = keep / f"wrong-{name}-{seed}-{tried[name]}"
                kept.write_bytes(case)
                sys.stdout.write(f"{said}\nagain: {sys.executable} -m tests.fuzz {name} {kept}\n")
            tried[name] += 1
        if time.monotonic() - said_at >= MINUTE:
            said_at = time.monotonic()
            _tell(tried, faults)
    _tell(tried, faults)
    return bool(faults)


def wrong(name: str, case: bytes, *, through_program: bool = True) -> str:
    """How a case is answered wrongly; empty: it is not."""
    began = time.process_time()
    try:
        TARGETS[name].check(case)
        if through_program and name in ("recordings", "snapshots"):
            _through_program(case)
    except Wrong as how:
        return f"{name}: {how}"
    except Exception:
        return f"{name}: {traceback.format_exc()}"
    took = time.process_time() - began
    return f"{name}: {took:.1f} s" if took > CASE_S else ""


def _through_program(case: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(case)
        file.flush()
        run = [sys.executable, "-m", "epolltop", "replay", file.name, "snapshot", "--events"]
        ended = subprocess.run(run, capture_output=True, timeout=60, check=False)
    said = ended.stderr.decode("utf-8", "replace")
    if ended.returncode not in (0, 1) or "Traceback" in said or len(said) > 1500:
        raise Wrong(f"exit code {ended.returncode}: {said[-1500:]}")


def _tell(tried: Counter[str], faults: int) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    told = ", ".join(f"{count:,} {name}" for name, count in tried.items())
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {told}: {faults} wrong; {peak} MB\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
