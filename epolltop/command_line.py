"""What the command line offers: commands, options and their help, for argparse."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from epolltop import __version__, argument_types
from epolltop.output.formats import FORMATS
from epolltop.output.report import WIDTH
from epolltop.query.view import PROCESSES, SUBJECTS
from epolltop.sources.choose import KINDS

_FRONT_ENDS = ("live", "snapshot", "events", "explain")

_VIEWS = ", ".join(f"{id} (default)" if id == PROCESSES.id else id for id in SUBJECTS)
_VIEW_HELP = f"rows of --batch and snapshot, to which filter and sort apply: {_VIEWS}"
_EPILOG = """\
commands:
  snapshot     observe for a while, write one snapshot as JSON, CSV, Markdown or text
  events       print creations, failed creations and releases as they happen
  explain      apply each rule of findings to process PID: value, threshold, verdict
  record       write FILE for a later replay, until -d SECONDS or Ctrl-C
  replay       show FILE, a recording or a snapshot, as if it happened now
  doctor       say what works here, what does not, and how to fix it
Without a command: the live terminal UI, or --batch if stdout is not a terminal.

examples:
  sudo epolltop                            which processes hold and create epoll instances
  sudo epolltop -F 'new/s>5'               only processes that create more than five per second
  sudo epolltop snapshot -d 10 -o leak.json
  sudo epolltop events -p 4242 --json
  sudo epolltop record night.rec           then: epolltop replay night.rec
  epolltop replay night.rec explain 4242   each rule applied to a process of a recording
  ssh host sudo epolltop record - | epolltop replay -
exit status: 0 done, 1 failed, 2 bad usage, 3 the requested source cannot run,
4 a finding of --fail-on, 128+N ended by signal N
"""


class Answered(Exception):
    """What the command line asked for is a text: help or the version."""


class BadUsage(Exception):
    """The command line cannot be understood. The message says why, and where."""


class Parser(argparse.ArgumentParser):
    """Prints nothing. Says what is wrong in one sentence, and how to get help."""

    def error(self, message: str) -> NoReturn:
        raise BadUsage(f"{message}; see epolltop --help")

    def _print_message(self, message: str, file: object = None) -> NoReturn:
        raise Answered(message)


def parser_of_all() -> Parser:
    parser = Parser(
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
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help=argparse.SUPPRESS, parser_class=Parser)

    snapshot = commands.add_parser("snapshot", help="observe, then write one snapshot", allow_abbrev=False)
    events = commands.add_parser("events", help="print events as they happen", allow_abbrev=False)
    doctor = commands.add_parser("doctor", help="check what works here", allow_abbrev=False)
    explain = commands.add_parser("explain", help="each rule applied to one process", allow_abbrev=False)
    record = commands.add_parser("record", help="record an observation to a file", allow_abbrev=False)
    record.add_argument("saved", type=argument_types.file_or_stdout, metavar="FILE", help="file to write; - is stdout")
    replay = commands.add_parser("replay", help="show a recording or a snapshot", allow_abbrev=False)
    replay.add_argument(
        "saved", type=argument_types.file_or_stream, metavar="FILE", help="recording or snapshot; - is stdin"
    )
    replay.add_argument("front_end", nargs="?", choices=_FRONT_ENDS, help="how to show it; live is the default")
    replay.add_argument("process", nargs="?", type=argument_types.positive, metavar="PID", help="process to explain")
    _add_batch(replay, suppress=True)
    for command in (snapshot, replay):
        command.add_argument("--view", choices=tuple(SUBJECTS), default=argparse.SUPPRESS, help=_VIEW_HELP)
        command.add_argument("--format", choices=tuple(FORMATS), help="json (default), csv, md or txt")
        command.add_argument(
            "-o", "--output", type=argument_types.path_of, metavar="FILE", help="write FILE, whole or not at all"
        )
        command.add_argument("--events", action="store_true", help="include the events of the observation (json)")
    snapshot.add_argument(
        "--watches", action="store_true", help="name what each instance watches, as far as that is read in 1 s (json)"
    )
    snapshot.add_argument(
        "--fail-on",
        type=argument_types.severity,
        metavar="SEVERITY",
        help="end with 4 if there is a finding of this severity or a graver one: info, warn or critical; looks for "
        "10 s unless -d says otherwise",
    )
    events.add_argument("--findings", action="store_true", help="print findings, too, when they open and close")
    explain.add_argument("process", type=argument_types.positive, metavar="PID", help="process to explain")
    record.add_argument(
        "--watches",
        action="store_true",
        help="record what each instance watches, too, for the view watches of a replay",
    )
    for command in (snapshot, events, explain, record, replay, doctor):
        _add_common(command, suppress=True)
    return parser


def _add_batch(parser: argparse.ArgumentParser, *, suppress: bool) -> None:
    def default(value: object) -> Any:
        return argparse.SUPPRESS if suppress else value

    parser.add_argument(
        "-b", "--batch", action="store_true", default=default(False), help="plain text, a table per refresh, as top -b"
    )
    parser.add_argument(
        "-n", "--count", type=argument_types.positive, default=default(None), metavar="COUNT",
        help="end after COUNT tables of --batch",
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
    repeatable("-p", "--pid", type=argument_types.pids, metavar="PID", help="only these pids: 1,2 or '1 2'; repeatable")
    repeatable("-u", "--user", type=argument_types.uids, metavar="USER", help="only these users; repeatable")
    add("-F", "--filter", default="", metavar="EXPR", help="only rows that match: words, open>10, user:www, !word")
    add("-s", "--sort", default=None, metavar="FIELD", help="sort by FIELD; -s help lists them")
    add("--reverse", default=False, action="store_true", help="sort the other way round")
    add("-r", "--rows", default=None, type=argument_types.positive, metavar="N", help="at most N rows")
    add(
        "-d",
        "--delay",
        default=None,
        type=argument_types.seconds,
        metavar="SECONDS",
        help="duration of snapshot, events, explain and record; else the refresh",
    )
    add(
        "-w",
        "--width",
        default=WIDTH,
        type=argument_types.columns,
        metavar="N",
        help=f"columns of text; default {WIDTH}",
    )
    add("--json", default=False, action="store_true", help="one JSON object per line (batch, events, explain, doctor)")
    add("--include-self", default=False, action="store_true", help="show epolltop's own instances too")
    add("--stacks", default=False, action="store_true", help="record the user stack of each creation (BPF; at a cost)")
    add(
        "--blocked-stacks",
        default=None,
        type=argument_types.milliseconds,
        metavar="MS",
        help="take the user stack of a loop while it is away from its instance for MS milliseconds or more (BPF)",
    )
    add(
        "--compat",
        default=False,
        action="store_true",
        help="count 32-bit creations that tracepoints do not see (BPF; at a cost)",
    )
    add(
        "--budget",
        default=None,
        type=argument_types.percent,
        metavar="PERCENT",
        help="measure only some waits of hot loops if epolltop takes more of a core; default 3, on a busy machine 5",
    )
    repeatable(
        "--attach",
        action="append",
        type=argument_types.probe_and_hook,
        metavar="PROBE=HOOK",
        help="force a hook, such as files_free=kprobe; repeatable",
    )
    repeatable(
        "--without",
        action="append",
        type=argument_types.probe,
        metavar="PROBE",
        help="leave out a probe and its cost, such as files_free; repeatable",
    )
    repeatable(
        "--finding",
        action="append",
        type=argument_types.threshold,
        metavar="NAME=VALUE",
        help="another threshold of findings, such as blocked.away_ms=50; docs/findings.md lists them; repeatable",
    )
    repeatable(
        "-A",
        "--allow",
        action="append",
        type=argument_types.rule,
        metavar="ID",
        help="do not look for this finding, such as busy-polling; repeatable",
    )
    repeatable(
        "-W",
        "--raise",
        action="append",
        type=argument_types.rule,
        metavar="ID",
        help="take this finding one severity graver; repeatable",
    )
    add("--no-color", default=False, action="store_true", help="no colours, as with NO_COLOR set")
    add(
        "--theme",
        default=None,
        type=argument_types.theme,
        metavar="NAME",
        help="theme of the screen; ansi-dark: the terminal's colours",
    )
    add("--ascii", default=False, action="store_true", help="use only ASCII characters")


def arguments(parser: Parser, argv: list[str]) -> argparse.Namespace:
    """With what stood before the command and what stood after it in one, of options that may be repeated."""
    given, rest = parser.parse_known_args(argv)
    if given.command == "replay":
        _complete(parser, given, rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    for repeatable in ("pid", "user", "attach", "without", "finding", "allow", "raise"):
        setattr(given, repeatable, [*getattr(given, repeatable), *getattr(given, f"more_{repeatable}", [])])
    return given


def _complete(parser: Parser, given: argparse.Namespace, rest: list[str]) -> None:
    """Takes what shows a file, and the process, also from behind options: argparse wants them right behind the file."""
    if given.front_end is None and rest and rest[0] in _FRONT_ENDS:
        given.front_end = rest.pop(0)
    if given.front_end != "explain":
        if given.process is not None:
            parser.error(f"unrecognized arguments: {given.process}")
        return
    word = next((each for each in rest if not each.startswith("-")), None)  # others are options that are not known
    if given.process is None and word is not None:
        rest.remove(word)
        try:
            given.process = argument_types.positive(word)
        except argparse.ArgumentTypeError as error:
            parser.error(f"argument PID: {error}")
    if given.process is None and not rest:
        parser.error("the following arguments are required: PID")
