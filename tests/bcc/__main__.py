"""Runs the checks with every BCC.

    python -m tests.bcc [-r RELEASE]... [-- ARGUMENT OF PYTEST...]

On stdout a line for each: bcc-VERSION RUNG passed|failed|notrun [why]. All else goes to stderr. Fails if one failed, or
if none passed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.bcc.trees import RELEASES, Release, missing, say, tree_of
from tests.debian import Unavailable

CHECKS = "tests/bcc/checks.py"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bcc", description=str(__doc__).split("\n", 1)[0])
    names = [release.name for release in RELEASES]
    parser.add_argument("-r", "--release", action="append", choices=names, help="only this one; may be repeated")
    parser.add_argument("pytest", nargs="*", help=f"arguments for pytest, in place of {CHECKS}")
    options = parser.parse_args(arguments)
    wanted = [release for release in RELEASES if not options.release or release.name in options.release]
    lines = []
    for release in wanted:
        lines.append(_line(release, options.pytest or [CHECKS]))
        print(lines[-1], flush=True)
    return exit_code(lines)


def _line(release: Release, what: Sequence[str]) -> str:
    """Of one release."""
    try:
        if missing():
            raise Unavailable(missing())
        tree = tree_of(release)
    except Unavailable as error:
        return f"bcc-{release.name} - notrun {error}"
    say(f"BCC {tree.bcc}, Python {tree.python}: {tree.directory}")
    pytest = ("python3", "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "--rootdir=/srv/epolltop")
    paths = [argument if argument.startswith("-") else f"/srv/epolltop/{argument}" for argument in what]
    with tempfile.TemporaryDirectory() as results:
        try:
            code = tree.run(Path(results), *pytest, "--junitxml=/tmp/junit.xml", *paths)
        except Unavailable as error:
            return f"bcc-{tree.bcc} - failed {error}"
        return f"bcc-{tree.bcc} {verdict(code, Path(results, 'junit.xml'))}"


def verdict(code: int, junit: Path) -> str:
    """RUNG passed|failed|notrun [why], from what pytest wrote. Passed means that every test ran and passed."""
    if not junit.exists():
        return f"- failed pytest ended with {code} and no results"
    suite = ElementTree.parse(junit).getroot()
    cases = list(suite.iter("testcase"))
    rung = next((each.get("value", "-") for each in suite.iter("property") if each.get("name") == "rung"), "-")
    bad = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [node.get("message", "") for case in cases for node in case.findall("skipped")]
    if bad:
        return f"{rung} failed {', '.join(map(str, bad))}"
    if code or not cases:
        return f"{rung} failed pytest ended with {code} after {len(cases)} tests"
    if skipped:
        return f"{rung} notrun {len(skipped)} of {len(cases)}: {'; '.join(dict.fromkeys(skipped))}"
    return f"{rung} passed {len(cases)} tests"


def exit_code(lines: Sequence[str]) -> int:
    """0 if something passed and nothing failed."""
    outcomes = {line.split()[2] for line in lines}
    return 0 if "passed" in outcomes and "failed" not in outcomes else 1


if __name__ == "__main__":
    sys.exit(main())
