"""Which instance it is. The kernel reuses the address of a file, so a time goes with it.

Keys are plain tuples: named ones take five times as long to make, and 100,000 are made at once.
"""

from __future__ import annotations

from typing import TypeAlias

InstanceKey: TypeAlias = tuple[int, int]
"""File and since_ns, as in Instance. A since_ns of 0: the instance is not known."""
TracedKey: TypeAlias = tuple[int, int]
"""File and created_ns, as probes tell them. A created_ns of 0: the instance is older than the trace."""


def instance_id(key: InstanceKey) -> str:
    """The id of an instance: stable for as long as it lives, and never used again."""
    file, since_ns = key
    return f"{file:x}@{since_ns}"
