"""The command line: what it offers and the frozen record it becomes."""

from __future__ import annotations

import argparse
import math
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from epolltop import __version__
from epolltop.model.world import Selection
from epolltop.output.formats import FORMATS
from epolltop.output.report import WIDTH
from epolltop.query.field import UnknownField, lookup
from epolltop.query.filter import parse_over
from epolltop.query.mistake import FilterError, pointed
from epolltop.query.view import EVENTS, PROCESSES, SUBJECTS, View
from epolltop.runtime.users import uid_of
from epolltop.sources.choose import KINDS

MIN_COLUMNS, MAX_COLUMNS = 40, 10_000
_FRONT_ENDS = ("live", "snapshot", "events")
MIN_DELAY_S = 0.1
"""Below it the watching would cost more than it shows."""

_STDOUT = frozenset(map(Path, ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")))
"""Its names: where they lead to is written to, not replaced."""

_INDENT = "  "
_VIEWS = ", ".join(f"{id} (default)" if id == PROCESSES.id else id for id in SUBJECTS)
_VIEW_HELP = f"rows of --batch and snapshot, and what filter and sort are about: {_VIEWS}"
_EPILOG = """\
commands:
  snapshot     observe for a while, write one snapshot as JSON, CSV, Markdown or text
  events       print creations, failed creations and releases as they happen
  record       write FILE, to be looked at again later; until -d SECONDS or Ctrl-C
  replay       look at FILE, a recording or a snapshot, as if it happened now
  doctor       say what works here, what does not, and what to do about it
Without a command: the live terminal UI, or --batch if stdout is no terminal.

examples:
  sudo epolltop                            who holds epoll instances, and who makes how many
  sudo epolltop -F 'new/s>5'               only processes that create more than five a second
  sudo epolltop snapshot -d 10 -o leak.json
  sudo epolltop events -p 4242 --json
  sudo epolltop record night.rec           then: epolltop replay night.rec
  ssh host sudo epolltop record - | epolltop replay -
exit status: 0 done, 1 failed, 2 bad usage, 3 the source asked for cannot run, 128+N ended by signal N
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    command: str
    """live, snapshot, events, record or doctor."""
    saved: str | None
    """What to replay by that command instead of observing, or the file to record; - is a stream."""
    source: str
    include_self: bool
    stacks: bool
    compat: bool
    attach: tuple[tuple[str, str], ...]
    """Probe and the hook that it must have."""
    without: tuple[str, ...]
    """Probes that are not wanted."""
    selection: Selection
    view: View[Any]
    """Of events for the command events."""
    filter: str
    """As typed."""
    delay_s: float | None
    """How long (snapshot, events, record), the refresh elsewhere; None: the command's own."""
    batch: bool
    count: int | None
    """Tables of batch output; None: endless."""
    json: bool
    format: str
    output: Path | None
    """Absolute, because compiling changes the working directory for a moment; None: stdout."""
    events: bool
    color: bool
    ascii_only: bool
    width: int
    """Columns of text."""
    theme: str | None
    """Of the screen; None: Textual's own."""


class Answered(Exception):
    """What the command line asked for is a text: help or the version."""


class BadUsage(Exception):
    """The command line cannot be understood. The message says why, and where."""


class _Parser(argparse.ArgumentParser):
    """Prints nothing. Says what is wrong in one sentence, and how to get help."""

    def error(self, message: str) -> NoReturn:
        raise BadUsage(f"{message}; see epolltop --help")

    def _print_message(self, message: str, file: object = None) -> NoReturn:
        raise Answered(message)


def parse_options(argv: list[str], *, no_color: bool) -> Options:
    """Options from the command line.

    Args:
        argv: without the program's name.
        no_color: whether NO_COLOR is set.

    Raises:
        Answered: help or the version was asked for.
        BadUsage: it cannot be understood.
        OSError: of a file that is named from a working directory which is gone.
    """
    parser = _parser()
    given = _given(parser, argv)
    command = given.command or "live"
    if command == "replay":
        of_snapshot = given.format or given.output or given.events
        command = given.front_end or ("snapshot" if of_snapshot else "live")
        if of_snapshot and command != "snapshot":
            parser.error(f"--format, -o and --events go with snapshot, not with {command}")
    subject = EVENTS if command == "events" else SUBJECTS[given.view]
    if given.sort == "help":
        raise Answered("".join(f"{field.id:18} {field.title:10}{field.help}\n" for field in subject.fields))
    try:
        sort = lookup(subject.fields, subject.sort if given.sort is None else given.sort).id
    except UnknownField as error:
        parser.error(f"--sort: {error}; -s help lists them")
    try:
        predicate = parse_over(subject.fields, given.filter)
    except FilterError as error:
        shown, column = pointed(given.filter, error.position, shutil.get_terminal_size().columns - len(_INDENT))
        raise BadUsage(f"filter: {error}\n{_INDENT}{shown}\n{_INDENT}{' ' * column}^") from None
    if command == "record" and given.filter:
        parser.error("-F: a recording holds everything; filter what replay shows")
    duration = command in ("snapshot", "events", "record")
    if given.delay is not None and not duration:
        if given.command == "replay":
            parser.error("-d: the refresh is the recording's; with snapshot and events it says how long")
        if given.delay < MIN_DELAY_S:
            parser.error(f"-d {given.delay:g}: the refresh is {MIN_DELAY_S:g} s at least")
    return Options(
        command=command,
        saved=getattr(given, "saved", None),
        source=_source(parser, given),
        include_self=given.include_self,
        stacks=given.stacks,
        compat=given.compat,
        attach=_attached(parser, given),
        without=tuple(dict.fromkeys(given.without)),
        selection=Selection(frozenset(given.pid), frozenset(given.user)),
        view=View(subject, filter=predicate, sort=sort, reverse=given.reverse, rows=given.rows),
        filter=given.filter,
        delay_s=given.delay,
        batch=given.batch,
        count=given.count,
        json=given.json,
        format=getattr(given, "format", None) or "json",
        output=None if (output := getattr(given, "output", None)) in _STDOUT else output,
        events=getattr(given, "events", False),
        color=not (given.no_color or no_color),
        ascii_only=given.ascii,
        width=given.width,
        theme=given.theme,
    )


def _given(parser: _Parser, argv: list[str]) -> argparse.Namespace:
    """With what stood before the command and what stood after it in one, of options that may be repeated."""
    given, rest = parser.parse_known_args(argv)
    if given.command == "replay" and given.front_end is None and rest and rest[0] in _FRONT_ENDS:
        given.front_end = rest.pop(0)  # argparse wants it right behind the file, not behind options
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    for repeatable in ("pid", "user", "attach", "without"):
        setattr(given, repeatable, [*getattr(given, repeatable), *getattr(given, f"more_{repeatable}", [])])
    return given


def _source(parser: _Parser, given: argparse.Namespace) -> str:
    """Who names a hook insists on the source that has hooks."""
    for option in ("attach", "without"):
        if getattr(given, option) and given.source == "proc":
            parser.error(f"--{option}: /proc has no probes")
    return "bpf" if given.attach else str(given.source)


def _attached(parser: _Parser, given: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    """The hook of each probe that one is asked for."""
    hooks = dict(given.attach)
    for probe, hook in given.attach:
        if hook != hooks[probe]:
            parser.error(f"--attach: {probe} has one hook, not {hook} and {hooks[probe]}")
        if probe in given.without:
            parser.error(f"--attach: {probe} has no hook with --without {probe}")
    return tuple(hooks.items())


def _parser() -> _Parser:
    parser = _Parser(
        prog="epolltop",
        description="top for epoll instances and event loops.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"epolltop {__version__}")
    _add_common(parser, suppress=False)
    _add_batch(parser, suppress=False)
    parser.add_argument("--view", choices=tuple(SUBJECTS), default=PROCESSES.id, help=_VIEW_HELP)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help=argparse.SUPPRESS, parser_class=_Parser)

    snapshot = commands.add_parser("snapshot", help="observe, then write one snapshot", allow_abbrev=False)
    events = commands.add_parser("events", help="print events as they happen", allow_abbrev=False)
    doctor = commands.add_parser("doctor", help="check what works here", allow_abbrev=False)
    record = commands.add_parser("record", help="write what is observed to a file", allow_abbrev=False)
    record.add_argument("saved", type=_file_or_stdout, metavar="FILE", help="is replaced; - is stdout")
    replay = commands.add_parser("replay", help="look at a recording or a snapshot", allow_abbrev=False)
    replay.add_argument("saved", type=_file_or_stream, metavar="FILE", help="what record or snapshot wrote; - is stdin")
    replay.add_argument("front_end", nargs="?", choices=_FRONT_ENDS, help="show it like this; live is the default")
    _add_batch(replay, suppress=True)
    for command in (snapshot, replay):
        command.add_argument("--view", choices=tuple(SUBJECTS), default=argparse.SUPPRESS, help=_VIEW_HELP)
        command.add_argument("--format", choices=tuple(FORMATS), help="json (default), csv, md or txt")
        command.add_argument("-o", "--output", type=_path, metavar="FILE", help="write FILE, whole or not at all")
        command.add_argument("--events", action="store_true", help="include the events of the observation (json)")
    for command in (snapshot, events, record, replay, doctor):
        _add_common(command, suppress=True)
    return parser


def _add_batch(parser: argparse.ArgumentParser, *, suppress: bool) -> None:
    def default(value: object) -> Any:
        return argparse.SUPPRESS if suppress else value

    parser.add_argument(
        "-b", "--batch", action="store_true", default=default(False), help="plain text, a table per refresh, as top -b"
    )
    parser.add_argument(
        "-n", "--count", type=_positive, default=default(None), metavar="COUNT",
        help="end after so many tables of --batch",
    )  # fmt: skip


def _add_common(parser: argparse.ArgumentParser, *, suppress: bool) -> None:
    """Options that mean the same before and after the command; a command's parser must not reset what stood before."""

    def add(*names: str, default: object, **described: Any) -> None:
        parser.add_argument(*names, default=argparse.SUPPRESS if suppress else default, **described)

    def repeatable(*names: str, action: str = "extend", **described: Any) -> None:
        dest = names[-1].removeprefix("--")
        where: dict[str, Any] = {"dest": f"more_{dest}"} if suppress else {"dest": dest}
        add(*names, default=[], action=action, **where, **described)

    add("--source", default="auto", choices=KINDS, help="bpf: exact; proc: no privileges; auto: the best that runs")
    repeatable("-p", "--pid", type=_pids, metavar="PID", help="only these: 1,2 or '1 2'; repeatable")
    repeatable("-u", "--user", type=_uids, metavar="USER", help="only these users'; likewise")
    add("-F", "--filter", default="", metavar="EXPR", help="only what matches: words, open>10, user:www, !word")
    add("-s", "--sort", default=None, metavar="FIELD", help="sort by FIELD; -s help lists them")
    add("--reverse", default=False, action="store_true", help="sort the other way round")
    add("-r", "--rows", default=None, type=_positive, metavar="N", help="at most N rows")
    add(
        "-d",
        "--delay",
        default=None,
        type=_seconds,
        metavar="SECONDS",
        help="snapshot, events, record: how long; else refresh",
    )
    add("-w", "--width", default=WIDTH, type=_columns, metavar="N", help=f"columns of text; {WIDTH} unless given")
    add("--json", default=False, action="store_true", help="one JSON object per line (batch, events, doctor)")
    add("--include-self", default=False, action="store_true", help="show epolltop's own instances too")
    add("--stacks", default=False, action="store_true", help="take the user stack of each creation (BPF; costs)")
    add(
        "--compat",
        default=False,
        action="store_true",
        help="count 32-bit programs' creations where tracepoints do not (BPF; costs)",
    )
    repeatable(
        "--attach",
        action="append",
        type=_attach,
        metavar="PROBE=HOOK",
        help="insist on a hook, as files_free=kprobe; repeatable",
    )
    repeatable(
        "--without",
        action="append",
        type=_without,
        metavar="PROBE",
        help="leave a probe out, as files_free, and its cost; repeatable",
    )
    add("--no-color", default=False, action="store_true", help="no colours, as with NO_COLOR set")
    add("--theme", default=None, type=_theme, metavar="NAME", help="of the screen; ansi-dark: the terminal's colours")
    add("--ascii", default=False, action="store_true", help="nothing but ASCII characters")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive whole number")
    return int(text)


def _columns(text: str) -> int:
    columns = _positive(text)
    if not MIN_COLUMNS <= columns <= MAX_COLUMNS:
        raise argparse.ArgumentTypeError(f"{text}: text has {MIN_COLUMNS} to {MAX_COLUMNS} columns")
    return columns


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _each(text: str) -> list[str]:
    """As top and ps take several in one argument: apart by commas or blanks."""
    parts = re.split(r"[,\s]+", text.strip(", \t"))
    return parts if parts != [""] else [text]


def _pids(text: str) -> list[int]:
    return list(map(_positive, _each(text)))


def _uids(text: str) -> list[int]:
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


def _attach(text: str) -> tuple[str, str]:
    from epolltop.sources.bpf.ladder import ALL  # who asks for none need not wait for it

    probe, _, hook = text.partition("=")
    try:
        ALL.only(probe, hook)
    except LookupError as error:
        raise argparse.ArgumentTypeError(error.args[0]) from None
    return probe, hook


def _without(text: str) -> str:
    from epolltop.sources.bpf.ladder import ALL  # who leaves nothing out need not wait for it

    try:
        ALL.without(text)
    except LookupError as error:
        raise argparse.ArgumentTypeError(error.args[0]) from None
    return text


def _theme(text: str) -> str:
    from textual.theme import BUILTIN_THEMES  # who asks for none need not wait for it

    if text not in BUILTIN_THEMES:
        raise argparse.ArgumentTypeError(f"there is no theme {text!r}, but {', '.join(sorted(BUILTIN_THEMES))}")
    return text


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the file needs a name")
    try:
        return Path(text).absolute()
    except FileNotFoundError as error:
        raise OSError(error.errno, "the working directory was removed", text) from None


def _file_or_stdout(text: str) -> str:
    return "-" if Path(text) in _STDOUT else _file_or_stream(text)


def _file_or_stream(text: str) -> str:
    return text if text == "-" else str(_path(text))
