"""Structure offsets of the running kernel from its own BTF.

Kernel headers are wrong if they belong to another kernel (the offset of file.f_op moved from 40 to 16 to 8 between 6.1
and 6.18); the kernel's BTF is always right. Reading all of it takes about 70 ms.

Format: Documentation/bpf/btf.rst of the kernel.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

VMLINUX = Path("/sys/kernel/btf/vmlinux")

_MAGIC = 0xEB9F
_STRUCT, _UNION, _ENUM = 4, 5, 6
# Bytes behind the 12 of struct btf_type: once for these kinds, and per member for those.
_EXTRA = {1: 4, 3: 12, 14: 4, 17: 4}  # INT, ARRAY, VAR, DECL_TAG
_PER_MEMBER = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}  # STRUCT, UNION, ENUM, FUNC_PROTO, DATASEC, ENUM64
_FUNC = 12


class Btf:
    """The types of one BTF image."""

    def __init__(self, image: bytes) -> None:
        """Indexes the image.

        Raises:
            ValueError: the image is not BTF.
        """
        try:
            magic, _, _, header, type_off, type_len, str_off, _ = struct.unpack_from("<HBBIIIII", image)
        except struct.error as error:
            raise ValueError(f"no BTF: {error}") from None
        if magic != _MAGIC:
            raise ValueError(f"no BTF: magic number {magic:#x}")
        self._image = image
        self._strings = header + str_off
        self._at = [0]  # type id -> position; id 0 is void
        self._structs: dict[str, int] = {}
        self._enums: dict[str, int] = {}
        at, end = header + type_off, header + type_off + type_len
        while at < end:
            name, info, _ = struct.unpack_from("<III", image, at)
            kind, members = (info >> 24) & 0x1F, info & 0xFFFF
            if kind == _STRUCT and name:
                self._structs.setdefault(self._string(name), len(self._at))
            elif kind == _ENUM and name:
                self._enums.setdefault(self._string(name), len(self._at))
            self._at.append(at)
            at += 12 + _EXTRA.get(kind, 0) + _PER_MEMBER.get(kind, 0) * members

    def offsets(self, wanted: Mapping[str, tuple[str, str]]) -> dict[str, int]:
        """Byte offsets of members, including those of anonymous inner structures.

        Args:
            wanted: (structure, member) by its name in the answer.

        Raises:
            LookupError: this kernel has no such structure or member.
        """
        found: dict[str, dict[str, int]] = {}
        answer = {}
        for name, (structure, member) in wanted.items():
            if structure not in found:
                if structure not in self._structs:
                    raise LookupError(f"the kernel's BTF has no struct {structure}")
                found[structure] = dict(self._members(self._structs[structure], 0))
            if member not in found[structure]:
                raise LookupError(f"the kernel's struct {structure} has no member {member}")
            answer[name] = found[structure][member]
        return answer

    def sizes(self, wanted: Mapping[str, str]) -> dict[str, int]:
        """Sizes of structures in bytes.

        Args:
            wanted: structure by its name in the answer.

        Raises:
            LookupError: this kernel has no such structure.
        """
        for structure in wanted.values():
            if structure not in self._structs:
                raise LookupError(f"the kernel's BTF has no struct {structure}")
        at = {name: self._at[self._structs[structure]] for name, structure in wanted.items()}
        return {name: struct.unpack_from("<I", self._image, position + 8)[0] for name, position in at.items()}

    def has(self, structure: str) -> bool:
        """Whether this kernel has such a structure."""
        return structure in self._structs

    def enumerators(self, enumeration: str) -> frozenset[str]:
        """Names of the constants of an enumeration; none if the kernel does not have it."""
        if enumeration not in self._enums:
            return frozenset()
        at = self._at[self._enums[enumeration]]
        members = struct.unpack_from("<I", self._image, at + 4)[0] & 0xFFFF
        constants = self._image[at + 12 : at + 12 + _PER_MEMBER[_ENUM] * members]
        return frozenset(self._string(name) for name, _ in struct.iter_unpack("<II", constants))

    def _string(self, offset: int) -> str:
        start = self._strings + offset
        return self._image[start : self._image.index(b"\0", start)].decode()

    def _members(self, type_id: int, base: int) -> Iterator[tuple[str, int]]:
        at = self._at[type_id]
        info = struct.unpack_from("<I", self._image, at + 4)[0]
        for i in range(info & 0xFFFF):
            name, member_type, bits = struct.unpack_from("<III", self._image, at + 12 + 12 * i)
            offset = base + ((bits & 0xFFFFFF) if info >> 31 else bits) // 8  # kind_flag: upper byte is a bitfield size
            if name:
                yield self._string(name), offset
            elif (struct.unpack_from("<I", self._image, self._at[member_type] + 4)[0] >> 24) & 0x1F in (
                _STRUCT,
                _UNION,
            ):
                yield from self._members(member_type, offset)

    def function(self, name: str) -> int:
        """The BTF id of a function.

        Raises:
            LookupError: this kernel has no such function.
        """
        for number, at in enumerate(self._at[1:], start=1):
            offset, info = struct.unpack_from("<II", self._image, at)
            if (info >> 24) & 0x1F == _FUNC and self._string(offset) == name:
                return number
        raise LookupError(f"the kernel's BTF has no function {name}")
