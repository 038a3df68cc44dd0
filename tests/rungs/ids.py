"""Under which ids a rung has told the instances of a run."""

from __future__ import annotations

from collections.abc import Iterator

from .coverage import Coverage, Place, key_of
from .files import Created, File


class Ids:
    """Of instances that live, or whose release was not compared yet."""

    def __init__(self) -> None:
        self.last: dict[File, str] = {}
        """By which an instance was told when it was told last."""
        self.traced: dict[File, str] = {}
        """By which its creation was told. A rung that knows places alone may tell it under another later."""
        self.creations: dict[File, Created] = {}
        """Of those that are traced."""
        self.born: dict[File, str] = {}
        """By which the creations of all were told that were traced, those that have ended, too."""

    def trace(self, creation: Created, name: str) -> None:
        """A creation is told."""
        self.last[creation.file] = self.traced[creation.file] = self.born[creation.file] = name
        self.creations[creation.file] = creation

    def forget(self, file: File) -> None:
        """It has ended."""
        for known in (self.last, self.traced, self.creations):
            known.pop(file, None)

    def known(self) -> dict[str, File]:
        """What an id stands for: first what was traced by it."""
        return {name: file for file, name in (*self.last.items(), *self.traced.items())}

    def of_another(self, file: File) -> Iterator[str]:
        """Ids by which others were traced."""
        return (name for each, name in self.traced.items() if each is not file)

    def of_release(self, file: File, coverage: Coverage) -> str | None:
        """The id that its release bears; None if no probe can know it."""
        return self.traced.get(file, self.last.get(file) if coverage.addresses else None)


def birthplace(creation: Created) -> Place:
    """The descriptor that was created."""
    return key_of(creation.by), creation.fd
