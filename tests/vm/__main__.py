"""Boots kernels and prints a line for each rung of each: `python -m tests.vm [KERNEL ...] [-- PYTEST-OPTION ...]`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from .kernels import KERNELS
from .matrix import Matrix
from .verdicts import markdown, placed

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"


def main(arguments: list[str]) -> int:
    """Exit code: 0 if something passed and nothing failed."""
    started = time.monotonic()
    ours, theirs = _divided(arguments)
    parser = _parser()
    options = parser.parse_args(ours)
    unknown = set(options.names) - {kernel.name for kernel in KERNELS}
    if unknown:
        parser.error(f"there is no {min(unknown)}; there are {', '.join(kernel.name for kernel in KERNELS)}")
    if options.markdown and (options.names or theirs):
        parser.error("--markdown is for all tests on all kernels")
    kernels = [kernel for kernel in KERNELS if kernel.name in (options.names or [kernel.name])]
    found = {}
    for kernel, verdicts in Matrix(kernels, options.seeds, options.timeout, tuple(theirs)).verdicts(_say):
        for verdict in verdicts:
            print(verdict, flush=True)
        found[kernel] = verdicts
    _say(f"took {time.monotonic() - started:.0f} s")
    if options.markdown:
        table = markdown(verdict for kernel in kernels for verdict in found[kernel])
        PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), table), encoding="utf-8")
    outcomes = {verdict.outcome for verdicts in found.values() for verdict in verdicts}
    return 0 if "passed" in outcomes and "failed" not in outcomes else 1


def _parser() -> argparse.ArgumentParser:
    names = [kernel.name for kernel in KERNELS]
    parser = argparse.ArgumentParser(
        prog="python -m tests.vm",
        description="tests/rungs on other kernels, under QEMU; what stands after -- goes to pytest",
        epilog="stdout: KERNEL RUNG passed|failed|notrun [why]",
    )
    parser.add_argument("names", nargs="*", metavar="KERNEL", help=f"of {', '.join(names)}; all without")
    parser.add_argument("--markdown", action="store_true", help="put the table into docs/kernels.md, too")
    parser.add_argument("--seeds", type=int, default=3, help="random workloads a rung (%(default)s)")
    parser.add_argument("--timeout", type=float, default=600, metavar="S", help="of one guest (%(default)s)")
    return parser


def _divided(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Before and after --."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:end], arguments[end + 1 :]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
