"""One observation or replay, in a thread of its own, for whoever awaits snapshots."""
