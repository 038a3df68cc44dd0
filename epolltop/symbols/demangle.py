"""C++ and Rust names as people write them, as far as they are made of plain identifiers.

`_ZN4node7tracing5AgentC2Ev` is node::tracing::Agent::Agent. Names with templates, closures or operators stay mangled:
libstdc++ can demangle them, but there a short name made on purpose expands to gigabytes.
"""

from __future__ import annotations

import re

_PREFIX = re.compile(r"_Z(N?)[KVr]*")
_LENGTH = re.compile(r"L?(\d{1,4})")
_CONSTRUCTOR = re.compile(r"([CD])[0-5]E")
_RUST_HASH = re.compile(r"h[0-9a-f]{16}")


def plain_name(symbol: str) -> str:
    """The name without parameters, or the symbol unchanged."""
    prefix = _PREFIX.match(symbol)
    if prefix is None:
        return symbol
    nested, at = bool(prefix[1]), prefix.end()
    parts: list[str] = []
    while (length := _LENGTH.match(symbol, at)) and (nested or not parts):
        at = length.end() + int(length[1])
        parts.append(symbol[length.end() : at])
    if not parts or at > len(symbol):
        return symbol
    if nested and (maker := _CONSTRUCTOR.match(symbol, at)):
        return "::".join((*parts, "~" * (maker[1] == "D") + parts[-1]))
    # The parameters follow the complete name; an I would be template arguments.
    if not (symbol.startswith("E", at) if nested else at == len(symbol) or symbol[at] != "I"):
        return symbol
    if len(parts) > 1 and _RUST_HASH.fullmatch(parts[-1]):
        del parts[-1]
    return "::".join(parts)
