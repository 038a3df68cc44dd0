"""Recordings: every tick written down, and yielded again."""
