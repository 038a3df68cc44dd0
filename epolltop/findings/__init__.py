"""What is wrong, judged from snapshots: rules, their words, and how long their evidence lasts."""
