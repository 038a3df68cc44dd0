"""The lines above the tables: source and probes, totals, loss and cost, and whether the screen is held."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual.widgets import Static

from epolltop.model.snapshot import Snapshot
from epolltop.query.headline import brief_lines, cost_line, is_lossy, loss_line, notes, source_lines, totals_line
from epolltop.session import Session
from epolltop.text import duration, timestamp

SHORT = 20
"""Lines of the screen below which two lines must do."""


class Header(Static):
    """Shows the latest snapshot, also while the tables are held."""

    def __init__(self, readable: Callable[[str], str], id: str | None = None) -> None:
        super().__init__(id=id)
        self._readable = readable

    def describe(
        self, latest: Snapshot | None, held: Snapshot | None, trouble: str, session: Session, filter_text: str
    ) -> None:
        """Draws it, the most urgent line first.

        Args:
            latest: what is known now; None before the first snapshot.
            held: what the tables show, if they are paused.
            trouble: why no more snapshots come; empty if they do.
            session: how time passes.
            filter_text: the filter in force.
        """
        lines: list[Text] = []

        def line(text: str, style: str = "") -> None:
            lines.append(Text(self._readable(text), style))

        if trouble:
            line(f" STOPPED: {trouble} ", "bold reverse")
        elif held is not None and latest is not None:
            age = duration((latest.now_ns - held.now_ns) / 1e9)
            line(f" PAUSED at {timestamp(held.wall_ns)[:8]}, {age} ago; Space or = returns to now ", "bold reverse")
        if latest is None:
            line("epolltop  attaching probes …")
        elif self.app.size.height < SHORT:
            for text in brief_lines(latest):
                line(text, "bold reverse" if is_lossy(latest) else "")
        else:
            name = "epolltop "
            for number, text in enumerate(source_lines(latest, self.size.width - len(name) - 2)):
                line(f"{name if number == 0 else ' ' * len(name)}{text}")
            line(totals_line(latest))
            line(loss_line(latest), "bold reverse" if is_lossy(latest) else "")
            lines[-1].append(
                f"  {cost_line(latest)}  every {self._readable(duration(session.delay_s))}", "not bold not reverse"
            )
            said = notes(latest)
            if said and not latest.source.exact:
                line(f"note: {'; '.join(said)}", "italic")
        if filter_text:
            line(f"filter: {filter_text}   (Esc clears it)", "bold")
        self.update(Text("\n").join(lines))
