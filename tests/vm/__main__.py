"""Boots kernels and prints a line for each rung of each: `python -m tests.vm [KERNEL ...] [-- PYTEST-OPTION ...]`."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from tests.debian import Unavailable, ask

from .kernels import KERNELS
from .matrix import Matrix
from .table import Run, markdown, placed
from .verdicts import exit_code

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "kernels.md"
_GUEST_S = 1800.0
"""Thrice what a guest takes on a quiet machine: compilers are slow without KVM, and slower beside something else."""


def main(arguments: list[str]) -> int:
    """Exit code: 0 if something passed and nothing failed."""
    began, started = datetime.now(timezone.utc), time.monotonic()
    ours, theirs = _divided(arguments)
    parser = _parser()
    options = parser.parse_args(ours)
    unknown = set(options.names) - {kernel.name for kernel in KERNELS}
    if unknown:
        parser.error(f"there is no {min(unknown)}; there are {', '.join(kernel.name for kernel in KERNELS)}")
    if options.markdown and (options.names or theirs):
        parser.error("--markdown is for all tests on all kernels")
    kernels = [kernel for kernel in KERNELS if kernel.name in (options.names or [kernel.name])]
    commit = _commit()
    found = {}
    for kernel, verdicts in Matrix(kernels, options.seeds, options.timeout, tuple(theirs)).verdicts(_say):
        print(*verdicts, sep="\n", flush=True)
        found[kernel] = verdicts
    took_s = time.monotonic() - started
    _say(f"took {took_s:.0f} s")
    verdicts = [verdict for kernel in kernels for verdict in found[kernel]]
    for verdict in verdicts:
        if verdict.outcome == "failed":  # again, where nobody overlooks it
            _say(str(verdict))
    if options.markdown:
        table = markdown(Run(began, commit, options.seeds, took_s), verdicts)
        PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), table), encoding="utf-8")
    return exit_code(verdicts)


def _commit() -> str:
    """Of the working tree, with what was changed since."""
    try:
        commit = ask("git", "rev-parse", "--short", "HEAD", folder=ROOT).strip()
        return commit + "+changes" * bool(ask("git", "status", "--porcelain", folder=ROOT))
    except Unavailable:
        return "?"


def _parser() -> argparse.ArgumentParser:
    names = [kernel.name for kernel in KERNELS]
    parser = argparse.ArgumentParser(
        prog="python -m tests.vm",
        description="tests/rungs on other kernels, under QEMU; what stands after -- goes to pytest",
        epilog="stdout: KERNEL RUNG passed|failed|notrun [why]",
    )
    parser.add_argument("names", nargs="*", metavar="KERNEL", help=f"of {', '.join(names)}; all without")
    parser.add_argument("--markdown", action="store_true", help="put the table into docs/kernels.md, too")
    parser.add_argument("--seeds", type=int, default=2, help="random workloads a rung (%(default)s)")
    parser.add_argument("--timeout", type=float, default=_GUEST_S, metavar="S", help="of one guest (%(default)s)")
    return parser


def _divided(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Before and after --."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:end], arguments[end + 1 :]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
