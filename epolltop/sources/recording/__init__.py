"""Recordings: a writer of every tick, and a reader that yields the ticks again."""
