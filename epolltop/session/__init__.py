"""One observation or replay, in a thread of its own, for front ends that await snapshots."""
