"""/proc/self/smaps: what of epolltop's own memory could come back from files.

Format: proc_pid_smaps(5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator


def unwritten_mappings(names: Collection[str]) -> Iterator[tuple[int, int]]:
    """First address and end of mappings of files that have one of these in their names.

    Only those without private copies (Anonymous: 0), which may not be written to.

    Raises:
        OSError: there is no /proc.
    """
    start = end = 0
    droppable = False
    with open("/proc/self/smaps", encoding="utf-8", errors="replace") as smaps:
        for line in smaps:
            first, _, rest = line.partition(" ")
            if "-" in first and not first.endswith(":"):
                start, end = (int(part, 16) for part in first.split("-"))
                droppable = rest[1] == "-" and any(name in rest for name in names)
            elif droppable and first == "Anonymous:" and rest.split()[0] == "0":
                yield start, end
