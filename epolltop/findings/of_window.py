"""What the cases of a window have in common."""

from __future__ import annotations

from typing import Generic, TypeVar

from epolltop.findings.judged_window import JudgedWindow

Around = TypeVar("Around", bound=JudgedWindow)


class OfWindow(Generic[Around]):
    """A case of a window."""

    def __init__(self, cases: Around) -> None:
        """Looks at nothing yet.

        Args:
            cases: the window, with those cases in it that this one asks about.
        """
        self.cases = cases
        self.now = cases.now

    @property
    def window_s(self) -> float | None:
        """None: nothing was counted yet."""
        return self.now.window_s or None

    @property
    def began_ns(self) -> int:
        """Boot clock: when it began; 0: that is not known."""
        return 0

    def _per_s(self, number: float | None) -> float | None:
        return None if number is None or not self.now.window_s else number / self.now.window_s
