"""The lines above the tables: source and probes, totals, loss and cost, and whether the screen is held."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from epolltop.model.snapshot import Snapshot
from epolltop.query.headline import cost_line, is_lossy, loss_line, notes, source_line, totals_line
from epolltop.text import duration, timestamp


class Header(Static):
    """Shows the latest snapshot, also while the tables are held."""

    def describe(
        self, latest: Snapshot | None, held: Snapshot | None, trouble: str, delay_s: float, filter_text: str
    ) -> None:
        """Draws it.

        Args:
            latest: what is known now; None before the first snapshot.
            held: what the tables show, if they are paused.
            trouble: why no more snapshots come; empty if they do.
            delay_s: the refresh.
            filter_text: the filter in force.
        """
        width = max(20, self.size.width or 80)
        lines = [Text(no_wrap=True, overflow="ellipsis") for _ in range(3)]
        if latest is None:
            lines[0].append("epolltop ", "bold").append("attaching probes …")
        else:
            lines[0].append("epolltop ", "bold").append(source_line(latest))
            lines[1].append(totals_line(latest))
            lines[2].append(loss_line(latest), "bold reverse" if is_lossy(latest) else "")
            lines[2].append(f"  {cost_line(latest)}  every {duration(delay_s)}")
            said = notes(latest)
            if said and not latest.source.exact:
                lines.append(Text(f"note: {'; '.join(said)}", "italic", no_wrap=True, overflow="ellipsis"))
        if filter_text:
            lines.append(Text(f"filter: {filter_text}   (Esc clears it)", "bold", no_wrap=True, overflow="ellipsis"))
        if trouble:
            lines.append(Text(f" STOPPED: {trouble} ", "bold reverse", no_wrap=True, overflow="ellipsis"))
        elif held is not None and latest is not None:
            age = duration((latest.now_ns - held.now_ns) / 1e9)
            banner = f" PAUSED at {timestamp(held.wall_ns)[:8]}, {age} ago; Space goes on "
            lines.append(Text(banner, "bold reverse", no_wrap=True, overflow="ellipsis"))
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        self.update(Text("\n").join(lines))
