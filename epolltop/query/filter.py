"""The filter language: text to a predicate over rows, the same on the command line, on screen and in replay.

    nginx                      PID, USER, NAME or COMMAND contains it, in whatever case
    nginx worker               both words
    "worker process"           words with blanks or operators in quotes
    user:www  user=www-data    text contains, text is; != is not; ~ matches a regular expression
    open>10  new/s>=1k  age<5m numbers, with k, M, G for counts and ms, s, m, h, d for times
    !nginx  not nginx          negation
    a or b and (c or d)        and binds tighter than or, and may be left out

An unknown value matches no comparison, so its negation does; what is known to be at least so much matches > and >=.
"""

from __future__ import annotations

import functools
import operator
import re
import warnings
from collections.abc import Callable, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, TypeAlias

from epolltop.model.snapshot import ProcessRow, Snapshot
from epolltop.query.field import Field, Row, Unit, UnknownField, Value, as_text, lookup
from epolltop.query.fields import PROCESS_FIELDS
from epolltop.text import cut

if TYPE_CHECKING:
    from lark import Lark, Token, Tree, UnexpectedToken

Predicate: TypeAlias = Callable[[Row, Snapshot], bool]
_Test: TypeAlias = Callable[[Value], bool]

MAX_LENGTH = 1000
"""Characters of a filter."""
MAX_PATTERN = 200
"""Characters of a regular expression."""
MAX_SEARCHED = 4096
"""Characters of a value that a regular expression sees: .*x takes time with the square of them."""
MAX_DEPTH = 30
"""Levels of not, and, or within each other: predicates call each other that deep."""

WORD_FIELDS = ("pid", "user", "name", "command")
"""What a bare word is looked for in, of the fields that the rows have."""

# A value may hold operators and balanced parentheses (command:http://x, name~(a|b)), a bare word may not: foo>1.
_GRAMMAR = r"""
    start: _any
    _any: any | _all
    _all: all | _term
    any: _all (_OR _all)+
    all: _term (_AND? _term)+
    _term: negation | word | comparison | "(" _any ")"
    negation: _NOT _term
    word: WORD | STRING
    comparison: WORD OPERATOR (VALUE | STRING)

    OPERATOR.3: />=|<=|==|!=|[:=<>~]/
    _AND.2: /and(?![^\s()!"])/i
    _OR.2: /or(?![^\s()!"])/i
    _NOT.2: /!|not(?![^\s()!"])/i
    STRING.2: /"(?:[^"\\]|\\.)*"/s
    VALUE: /(?:[^\s()"]|\([^\s()"]*\))+/
    WORD: /(?!(?:and|or|not)(?![^\s()!"]))[^\s()!:=<>~"]+/i
    %ignore /\s+/
"""

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ":": operator.eq,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COUNT_UNITS = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_TIME_UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_UNITS: dict[Unit, dict[str, float]] = {"id": {}, "count": _COUNT_UNITS, "per_s": _COUNT_UNITS, "seconds": _TIME_UNITS}
_NANO = Decimal("1e-9")
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([^0-9.]*)")


class FilterError(ValueError):
    """The text is no filter; message says why, position where: characters from its start, from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


def everything(_row: object, _snapshot: Snapshot) -> bool:
    """The predicate of an empty filter."""
    return True


def parse(text: str) -> Predicate[ProcessRow]:
    """What processes the text asks for; FilterError if it is no filter."""
    return parse_over(PROCESS_FIELDS, text)


def parse_over(fields: Sequence[Field[Row]], text: str) -> Predicate[Row]:
    """What rows with these fields the text asks for; FilterError if it is no filter."""
    if len(text) > MAX_LENGTH:
        raise FilterError(f"a filter has at most {MAX_LENGTH} characters", MAX_LENGTH)
    if not text.strip():
        return everything
    from lark import UnexpectedCharacters, UnexpectedToken

    try:
        tree = _parser().parse(text)
    except UnexpectedCharacters as error:
        raise FilterError("this quote is not closed", error.pos_in_stream or 0) from None
    except UnexpectedToken as error:
        at_end = error.token.type == "$END"
        raise FilterError(_complaint(error), len(text) if at_end else error.token.start_pos or 0) from None
    return _predicate(tree, fields)


def comparison(field: Field[Row], value: str | float, *, negate: bool) -> str:
    """The filter for rows with this value, of numbers that measure for at least so much; negated, for all others."""
    if field.unit == "text":
        quoted = re.sub(r'(["\\])', r"\\\1", as_text(value))
        return f'{field.id}{"!=" if negate else "="}"{quoted}"'
    if isinstance(value, float):  # rounded down, or the row itself would not match
        value = f"{Decimal(value).quantize(_NANO, ROUND_FLOOR):f}".rstrip("0").rstrip(".")
    if field.unit == "id":
        return f"{field.id}{'!=' if negate else '='}{value}"
    return f"{field.id}{'<' if negate else '>='}{value}"


@functools.cache
def _parser() -> Lark:
    """Built with the first filter: most sessions start without one, and it costs a sixteenth of the start."""
    from lark import Lark

    return Lark(_GRAMMAR, parser="lalr", propagate_positions=True)


def _complaint(error: UnexpectedToken) -> str:
    found = error.token.type
    if "VALUE" in error.expected:
        return "a value is missing here" if found == "$END" else "a value that has parentheses goes in quotes"
    if found == "OPERATOR":
        return f"the name of a field goes before {str(error.token)!r}; text that contains it goes in quotes"
    if "WORD" in error.expected:
        return "a word or a comparison is missing here"
    return "a closing parenthesis is missing" if found == "$END" else "this parenthesis closes nothing"


def _predicate(node: Tree[Token], fields: Sequence[Field[Row]], depth: int = 0) -> Predicate[Row]:
    if depth > MAX_DEPTH:
        raise FilterError(f"more than {MAX_DEPTH} levels of not, and, or", node.meta.start_pos)
    tokens = [child for child in node.children if isinstance(child, str)]
    parts = [_predicate(child, fields, depth + 1) for child in node.children if not isinstance(child, str)]
    match node.data, tokens, parts:
        case "comparison", [name, operation, operand], _:
            return _comparison(name, operation, operand, fields)
        case "word", [token], _:
            return _word(token, fields)
        case "negation", _, [part]:
            return lambda row, snapshot: not part(row, snapshot)
        case "start", _, [part]:
            return part
        case _:
            return _combined(parts, decisive=node.data == "any")


def _combined(parts: Sequence[Predicate[Row]], decisive: bool) -> Predicate[Row]:
    """Any of the parts if True decides, all of them if False does."""

    def matches(row: Row, snapshot: Snapshot) -> bool:
        for part in parts:  # here and below: any() over a generator takes half as long again, for each row
            if part(row, snapshot) is decisive:
                return decisive
        return not decisive

    return matches


def _word(token: Token, fields: Sequence[Field[Row]]) -> Predicate[Row]:
    needle = _unquoted(token).casefold()
    # 10,000 rows of four values: a call less for each is felt
    getters = [field.value if field.observed else field.get for field in fields if field.id in WORD_FIELDS]

    def matches(row: Row, snapshot: Snapshot) -> bool:
        for get in getters:
            value = get(row, snapshot)
            if value is not None and needle in (value if isinstance(value, str) else as_text(value)).casefold():
                return True
        return False

    return matches


def _comparison(name: Token, operation: Token, operand: Token, fields: Sequence[Field[Row]]) -> Predicate[Row]:
    try:
        field = lookup(fields, str(name))
    except UnknownField as error:
        hint = "" if error.suggestions else f"; text that contains {str(operation)!r} goes in quotes"
        raise FilterError(f"{error}{hint}", _position(name)) from None
    test = _text_test(field, operation, operand) if field.unit == "text" else _number_test(field, operation, operand)

    get = field.least if field.least and operation in (">", ">=") else field.value

    def matches(row: Row, snapshot: Snapshot) -> bool:
        value = get(row, snapshot)
        return value is not None and test(value)

    return matches


def _text_test(field: Field[Row], operation: Token, operand: Token) -> _Test:
    text = _unquoted(operand)
    wanted = text.casefold()
    if operation == "~":
        search = _pattern(text, _position(operand) + (operand.type == "STRING")).search
        return lambda value: search(as_text(value)[:MAX_SEARCHED]) is not None
    if operation == ":":
        return lambda value: wanted in as_text(value).casefold()
    if operation == "!=":
        return lambda value: wanted != as_text(value).casefold()
    if operation in ("=", "=="):
        return lambda value: wanted == as_text(value).casefold()
    raise FilterError(f"{field.id} is text: it goes with : = != or ~", _position(operation))


def _number_test(field: Field[Row], operation: Token, operand: Token) -> _Test:
    compare = _COMPARE.get(operation)
    if compare is None:
        raise FilterError(f"{field.id} is a number: it goes with : = != < <= > or >=", _position(operation))
    wanted = _number(field, _unquoted(operand), _position(operand))
    return lambda value: compare(float(value or 0), wanted)


def _number(field: Field[Row], text: str, position: int) -> float:
    """10, 1.5k; times also as they are shown: 3m05s."""
    parts: list[tuple[str, str]] = _QUANTITY.findall(text)
    whole = "".join(map("".join, parts)) == text
    if not parts or not whole or (len(parts) > 1 and (field.unit != "seconds" or not all(unit for _, unit in parts))):
        raise FilterError(f"{cut(text, 20)!r} is no number", position)
    units = _UNITS[field.unit]
    for _, unit in parts:
        if unit and unit not in units:
            choice = f"it takes {', '.join(units)}" if units else "it takes none"
            raise FilterError(f"{cut(unit, 20)!r} is no unit of {field.id}: {choice}", position)
    return sum(float(number) * units.get(unit, 1.0) for number, unit in parts)


def _pattern(source: str, position: int) -> re.Pattern[str]:
    if len(source) > MAX_PATTERN:
        raise FilterError(f"a regular expression has at most {MAX_PATTERN} characters", position)
    if _explodes(source):
        raise FilterError("repeating a group that itself repeats or has alternatives can take forever", position)
    try:
        with warnings.catch_warnings():  # they would be written over the screen
            warnings.simplefilter("ignore")
            return re.compile(source, re.IGNORECASE)
    except re.error as error:
        raise FilterError(f"bad regular expression: {error.msg}", position + (error.pos or 0)) from None
    except (OverflowError, RecursionError):
        raise FilterError("the regular expression is too large", position) from None


def _explodes(source: str) -> bool:
    """Whether matching may take exponential time: (a+)+, (a|a)*. Groups are folded from the inside."""
    plain = re.sub(r"\\.|\[\^?\]?(?:\\.|[^]\\])*\]", "x", source, flags=re.DOTALL).replace("(?", "(")
    while group := re.search(r"\(([^()]*)\)([*+{]?)", plain):
        body, repeated = group.groups()
        branches = not set(body).isdisjoint("*+?{|")
        if branches and repeated:
            return True
        plain = plain[: group.start()] + ("|" if branches else "x") + repeated + plain[group.end() :]
    return False


def _unquoted(token: Token) -> str:
    return re.sub(r'\\(["\\])', r"\1", token[1:-1]) if token.type == "STRING" else str(token)


def _position(token: Token) -> int:
    return token.start_pos or 0
