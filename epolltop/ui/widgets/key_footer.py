"""Textual's footer, which shows the keys. Each view has others."""

from __future__ import annotations

from textual.widgets import Footer


class KeyFooter(Footer):
    """Lets go of the keys that it no longer shows."""

    async def recompose(self) -> None:
        """Each key watches `compact`; Textual drops who is gone when that is set: else 0.4 MB stay of each view."""
        await super().recompose()
        self.mutate_reactive(Footer.compact)
