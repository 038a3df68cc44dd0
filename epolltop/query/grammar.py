"""The grammar of the filter language: text to a tree of words, comparisons, negations, all and any."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from epolltop.query.mistake import FilterError

if TYPE_CHECKING:
    from lark import Lark, Token, Tree, UnexpectedToken

# A value may hold operators and balanced parentheses (command:http://x), a bare word may not: foo>1. A regular
# expression may hold single | and &, too.
_GRAMMAR = r"""
    start: _any
    _any: any | _all
    _all: all | _term
    any: _all (_OR _all)+
    all: _term (_AND? _term)+
    _term: negation | word | comparison | "(" _any ")"
    negation: _NOT _term
    word: WORD | STRING
    comparison: WORD OPERATOR (VALUE | STRING) | WORD MATCH (REGEX | STRING)

    MATCH.4: /!~|=~|~/
    OPERATOR.3: /!==|===|>=|<=|=>|=<|<>|==|!=|!:|[:=<>]/
    _AND.2: /and(?![^\s()!"'&|])|&&?/i
    _OR.2: /or(?![^\s()!"'&|])|\|\|?/i
    _NOT.2: /!|not(?![^\s()!"'&|])/i
    STRING.2: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/s
    VALUE: /(?!['])(?:[^\s()"&|]|\([^\s()"]*\))+/
    REGEX: /(?!['])(?:[^\s()"&|]|&(?!&)|\|(?!\|)|\([^\s()"]*\))+/
    WORD: /(?!'|(?:and|or|not)(?![^\s()!"'&|]))[^\s()!:=<>~"&|]+/i
    %ignore /\s+/
"""


def tree_of(text: str) -> Tree[Token]:
    """The tree for the text, whatever the fields; FilterError if the text is not a filter."""
    from lark import UnexpectedCharacters, UnexpectedToken

    try:
        return _parser().parse(text)
    except UnexpectedCharacters as error:
        raise FilterError("this quote is not closed", error.pos_in_stream or 0) from None
    except UnexpectedToken as error:
        at_end = error.token.type == "$END"
        raise FilterError(_complaint(error), len(text) if at_end else error.token.start_pos or 0) from None


@functools.cache
def _parser() -> Lark:
    """Built with the first filter: most sessions start without one, and it costs a sixteenth of the start."""
    from lark import Lark

    return Lark(_GRAMMAR, parser="lalr", propagate_positions=True)


def _complaint(error: UnexpectedToken) -> str:
    found = error.token.type
    if not {"VALUE", "REGEX"}.isdisjoint(error.expected):
        parenthesis = found in ("LPAR", "RPAR")
        return "put a value that has parentheses in quotes" if parenthesis else "a value is missing here"
    if found in ("OPERATOR", "MATCH"):
        return f"the name of a field goes before {str(error.token)!r}; put text that contains it in quotes"
    if "WORD" in error.expected:
        return "a word or a comparison is missing here"
    return "a closing parenthesis is missing" if found == "$END" else "this parenthesis closes nothing"
