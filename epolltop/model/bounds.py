"""Bounds of saved files: sources and writers keep them, so a reader may refuse more.

The bounds of a record's members stand in their types. Recordings derive from these what to refuse.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

SNAPSHOT_BYTES_MAX = 128 << 20
"""Of a snapshot file. 200 processes that share 1,000 instances take half of it."""
HOLDERS_MAX = 100_000
"""Holders that all instances of a snapshot file list together; where there are more, each lists the first few. Else 200
processes that share 1,000 instances would be 40 million."""
FIRST_HOLDERS = 2
"""Holders that such an instance lists, and how many there are. The others list it, too: its id tells which they are."""
EVENTS_MAX = 100_000
"""Events of a snapshot file, the last ones; without stacks they take half of it."""

NOTES_MAX, NOTE_CHARS_MAX = 100, 1000
"""Limits of a source, and its probes: a dozen in practice, one sentence each."""
COUNTS_MAX = 64
"""Counts by name that one object in a snapshot file has."""
EVIDENCE_MAX = 8
"""Numbers and names that one of these limits has; three in practice."""
THRESHOLDS_MAX = 256
"""Of rules, that a user changed; there are some 60."""
NAME_CHARS_MAX = 256
"""Of a process, thread, user, container or host, once it is safe: the kernel's have at most 64 bytes."""
TEXT_CHARS_MAX = 1 << 16
"""Of a command line or control group, once it is safe."""
FRAMES_MAX, FRAME_CHARS_MAX = 64, 120
"""Of a stack, and of each of its frames, once it is safe. Longer names of functions are cut."""
CODE_FILES_MAX, BUILD_ID_CHARS_MAX = 64, 128
"""Files of a process whose code was in its stacks: some five. Digits of a build id: 40 in practice."""
RUNTIMES_MAX = 64
"""Runtimes of event loops whose signs one process may have; there are some 20."""
WATCHES_MAX = 10_000
"""Of an interest list that are told one by one; of a longer one their number."""
TARGET_CHARS_MAX, INTEREST_CHARS_MAX = 1 << 14, 1 << 20
"""Of the name of a target, once it is safe: a path has 4,096 bytes. Of all names in one interest list."""
INTEREST_KEPT_MAX = 100_000
"""Watches of all instances together that are kept, 80 MB; a list that was read longest ago is let go of first."""
DETAILS_MAX = 16
"""Facts about one target; six in practice."""
LATE_LOOKS_MAX = 1000
"""Loops of which the last look is kept that was taken while they were late."""
USERS_MAX = 4096
"""Users without a process that are named in one tick."""

Name = Annotated[str, Meta(max_length=NAME_CHARS_MAX)]
Note = Annotated[str, Meta(max_length=NOTE_CHARS_MAX)]
Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
TargetText = Annotated[str, Meta(max_length=TARGET_CHARS_MAX)]
Frame = Annotated[str, Meta(max_length=FRAME_CHARS_MAX)]
TICKS_BELOW = 1 << 40
"""Clock ticks: less than 348 years, so that a time of day can be told."""
Ticks = Annotated[int, Meta(ge=0, lt=TICKS_BELOW)]
Nanoseconds = Annotated[int, Meta(ge=0)]

STANDING = "standing"
"""Marks a sequence that mostly stays as it is from one tick to the next. Recordings write what changed in it."""
