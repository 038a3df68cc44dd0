"""A map of the kernel from poll to poll: which entries differ, so that only these are decoded.

No probe deletes an entry: that is done here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from epolltop.bcc.hash_map import HashMap


class MapChanges:
    """Most entries stay as they are. Comparing the bytes of one takes 0.3 us, decoding it 2 us."""

    def __init__(self, table: HashMap) -> None:
        self._table = table
        self.raw: dict[bytes, bytes] = {}
        """Values by key, as they were read last."""
        self.moved: dict[bytes, bytes] = {}
        """Of these, the ones that were others or absent a poll ago."""
        self.stopped: Collection[bytes] = ()
        """Keys of those that moved at the last poll, but not at this one."""
        self._keys: Sequence[bytes] = ()
        self._values: Sequence[bytes] = ()

    def read(self) -> None:
        """Takes in the map as it is now."""
        before, then = self.moved, (self._keys, self._values)
        self._keys, self._values = self._table.raw_columns()
        if self._keys is then[0]:
            self._values = [was if raw == was else raw for raw, was in zip(self._values, then[1], strict=True)]
            changes = zip(self._keys, self._values, then[1], strict=True)
            self.moved = {key: raw for key, raw, was in changes if raw is not was}
        else:
            known = self.raw
            rows = zip(self._keys, self._values, strict=True)
            self.moved = {key: raw for key, raw in rows if known.get(key) != raw}
        self.stopped = [key for key in before if key not in self.moved]
        self.raw.update(self.moved)

    def delete(self, key: bytes) -> None:
        """Removes an entry from the map, and from what was read."""
        self._table.delete(key)
        del self.raw[key]
        self.moved.pop(key, None)
        self._keys = ()  # it may come again, at the same place
