"""Runs the measures and prints one table: `python -m bench [NAME ...] [--quick] [--markdown]`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bench import churn, existing, flat, keys, lists, load, loop_load, overhead, start, storm
from bench.lab import Lab, machine, others
from bench.table import Row, Unmeasurable, markdown, plain

MEASURES: dict[str, Callable[[Lab], Iterable[Row]]] = {
    "overhead": overhead.measure,
    "storm": storm.measure,
    "start": start.measure,
    "load": load.measure,
    "loop_load": loop_load.measure,
    "lists": lists.measure,
    "churn": churn.measure,
    "existing": existing.measure,
    "keys": keys.measure,
    "flat": flat.measure,
}


def main() -> int:
    """Exit code: 0 if everything could be measured and stands within its budget."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="epolltop against its budgets")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}; all without")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: some minutes, noisier")
    parser.add_argument("--markdown", action="store_true", help="the table as Markdown")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in MEASURES]
    if unknown:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(MEASURES)}")
    if os.geteuid() != 0:
        parser.error("run it as root: probes are attached")
    rows: list[Row] = []
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="epolltop-bench-") as directory:
        lab = Lab(options.quick, Path(directory))
        where, beside = machine(lab), others()
        for name in options.names or MEASURES:
            started = time.monotonic()
            try:
                rows.extend(MEASURES[name](lab))
            except (Unmeasurable, OSError, subprocess.SubprocessError) as error:
                failures.append(f"{name}: not measured ({error})")
            print(f"bench: {name} took {time.monotonic() - started:.0f} s", file=sys.stderr)
        try:
            probes = lab.probes
        except Unmeasurable as error:
            probes = f"no probes: {error}"
    print((markdown if options.markdown else plain)(rows))
    print()
    lines = [*failures, where, probes]
    if beside:
        lines.append(f"tracing meanwhile, so that bare is not bare: {', '.join(beside)}")
    print("\n\n".join(lines) if options.markdown else "\n".join(lines))
    return 1 if failures or any(row.verdict not in ("within", "-") for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
