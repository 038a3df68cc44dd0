"""Bytes and trees with something changed in them."""

from __future__ import annotations

import random
from typing import Any

_EDGES = (sign * (1 << bits) + off for bits in (31, 32, 40, 62, 63) for sign in (1, -1) for off in (0, -1))
NUMBERS = [0, 1, -1, 2, 127, 128, 255, 65535, 10**18, *(edge for edge in _EDGES if edge >= -(1 << 63))]
TEXTS = ["", "a", "\x1b]0;x\x07", "\x00", "é", "\U0001f600" * 5, "x" * 300, "=1+1", "a\nb", "\u202e", "[red]x[/]"]
TEXTS += ["%s%n", "\u3164", "e\u0301" * 40, "\x9b31m", "\ue000" * 20, "9" * 5000]


def junk(chance: random.Random, depth: int = 0) -> Any:
    """Anything that MessagePack and JSON have."""
    kind = chance.randrange(8 if depth < 3 else 5)
    if kind < 2:
        return chance.choice(NUMBERS)
    if kind < 4:
        return chance.choice(TEXTS)
    if kind == 4:
        return chance.choice([True, False, None, 0.5, 1e308, -1e308])
    items = [junk(chance, depth + 1) for _ in range(chance.randrange(5))]
    return items if kind < 7 else {str(number): item for number, item in enumerate(items)}


def mutated_bytes(raw: bytes, chance: random.Random) -> bytes:
    """Bits turned round, pieces left out, doubled, put in or cut off."""
    octets = bytearray(raw)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        at = chance.randrange(len(octets) + 1)
        match chance.randrange(6):
            case 0 | 1 if at < len(octets):
                octets[at] ^= 1 << chance.randrange(8)
            case 2:
                del octets[at : at + chance.randrange(1, 40)]
            case 3:
                octets[at:at] = chance.randbytes(chance.randrange(1, 20))
            case 4:
                octets[at:at] = octets[(begin := chance.randrange(len(octets) + 1)) : begin + chance.randrange(60)]
            case 5 if chance.random() < 0.3:
                del octets[at:]
    return bytes(octets)


def mutated_tree(tree: Any, chance: random.Random) -> Any:
    """Some of its places changed; lists and dictionaries are changed where they are."""
    places = [place for place in _places(tree) if place[0] is not None]
    for _ in range(chance.choice([1, 1, 1, 2, 3, 6])):
        node, key = chance.choice(places)
        if (isinstance(node, dict) and key in node) or (isinstance(node, list) and key < len(node)):
            node[key] = _changed(node[key], chance)
    return tree


def _places(node: Any) -> list[tuple[Any, Any]]:
    here: list[tuple[Any, Any]] = []
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in pairs:
        here.append((node, key))
        here += _places(child)
    return here


def _changed(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.25:
        return junk(chance)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        other = chance.choice([value + 1, value - 1, -value, value * 2, chance.choice(NUMBERS)])
        return max(-(1 << 63), min(other, (1 << 64) - 1))
    if isinstance(value, str):
        return chance.choice(["", value * 3, value + "\x1b[31m", chance.choice(TEXTS), value[:1]])
    if isinstance(value, list) and value:
        at = chance.randrange(len(value))
        without, again = value[:at] + value[at + 1 :], [*value, value[at]]
        return chance.choice([without, again, value[::-1], value * 2, [], value * 50])
    if isinstance(value, dict) and value:
        left_out = chance.choice(list(value))
        return {key: each for key, each in value.items() if key != left_out}
    return junk(chance)
