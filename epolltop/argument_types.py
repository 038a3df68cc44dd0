"""Types of arguments: what argparse makes of a word of the command line, or refuses by ArgumentTypeError."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path

from epolltop.findings.families import RULES, THRESHOLDS
from epolltop.model.finding import SEVERITIES, Severity
from epolltop.own_process.users import uid_of
from epolltop.query.field import meant
from epolltop.text.cells import cut

MIN_COLUMNS, MAX_COLUMNS = 40, 10_000
STDOUT = frozenset(map(Path, ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")))
"""Its names: where they lead to is written to, not replaced."""


def positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def columns(text: str) -> int:
    columns = positive(text)
    if not MIN_COLUMNS <= columns <= MAX_COLUMNS:
        raise argparse.ArgumentTypeError(f"{text}: the width is {MIN_COLUMNS} to {MAX_COLUMNS} columns")
    return columns


def seconds(text: str) -> float:
    return _number(text, "", 0, 1e9, "a number of seconds")


def milliseconds(text: str) -> int:
    """In nanoseconds."""
    return round(_number(text, "ms", 1, 1e9, "a number of milliseconds, from 1 to 1,000,000,000") * 1e6)


def percent(text: str) -> float:
    """As a share of one."""
    return _number(text, "%", 0, 1e6, "a percentage") / 100


def _number(text: str, unit: str, least: float, most: float, what: str) -> float:
    """The number, which may have its unit behind it."""
    try:
        number = float(text.removesuffix(unit))
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return number


def _each(text: str) -> list[str]:
    """As top and ps take several in one argument: apart by commas or blanks."""
    parts = re.split(r"[,\s]+", text.strip(", \t"))
    return parts if parts != [""] else [text]


def pids(text: str) -> list[int]:
    return list(map(positive, _each(text)))


def uids(text: str) -> list[int]:
    try:
        return [_uid(text)]  # some have a blank in their name
    except argparse.ArgumentTypeError:
        return list(map(_uid, _each(text)))


def _uid(text: str) -> int:
    uid = uid_of(text)
    if uid is not None:
        return uid
    if text.isascii() and text.isdecimal() and int(text) < 1 << 32:
        return int(text)
    raise argparse.ArgumentTypeError(f"there is no user {text!r}")


def probe_and_hook(text: str) -> tuple[str, str]:
    from epolltop.sources.bpf.ladder import ALL  # who asks for none need not wait for it

    probe, _, hook = text.partition("=")
    try:
        ALL.only(probe, hook)
    except LookupError as error:
        raise argparse.ArgumentTypeError(error.args[0]) from None
    return probe, hook


def probe(text: str) -> str:
    from epolltop.sources.bpf.ladder import ALL  # who leaves nothing out need not wait for it

    try:
        ALL.without(text)
    except LookupError as error:
        raise argparse.ArgumentTypeError(error.args[0]) from None
    return text


def threshold(text: str) -> tuple[str, float]:
    """Of a rule: its name and another number."""
    name, _, number = text.partition("=")
    if name not in THRESHOLDS:
        raise argparse.ArgumentTypeError(f"there is no threshold {cut(name, 40)!r}{meant(name, THRESHOLDS)}")
    return name, _number(number, "", 0, 1e12, f"{name}=NUMBER")


def rule(text: str) -> str:
    """Its id."""
    if text not in RULES:
        raise argparse.ArgumentTypeError(f"there is no finding {cut(text, 40)!r}{meant(text, RULES)}")
    return text


def severity(text: str) -> Severity:
    if text not in SEVERITIES:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(SEVERITIES)}")
    return SEVERITIES[text]


def theme(text: str) -> str:
    from textual.theme import BUILTIN_THEMES  # who asks for none need not wait for it

    if text not in BUILTIN_THEMES:
        raise argparse.ArgumentTypeError(f"there is no theme {text!r}, only {', '.join(sorted(BUILTIN_THEMES))}")
    return text


def path_of(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the file needs a name")
    try:
        return Path(text).absolute()
    except FileNotFoundError as error:
        raise OSError(error.errno, "the working directory was removed", text) from None


def file_or_stdout(text: str) -> str:
    return "-" if Path(text) in STDOUT else file_or_stream(text)


def file_or_stream(text: str) -> str:
    return text if text == "-" else str(path_of(text))
