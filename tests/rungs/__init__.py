"""Every way to observe, by force, under random workloads whose every effect is known.

A rung (rungs.py) is one way to observe, taken whatever this kernel would choose. Its Coverage (coverage.py) is data:
what it sees, and so what it must tell. For each rung and seed, the torture (test_torture.py) goes like this:

- random_run.py draws moves, from the tables of moves/. A move asks a puppet for a step and tells the oracle what came
  of it.
- puppets.py has puppets do them: real processes and threads (tests/workloads/puppet.py), a pair of FIFOs to each.
- oracle.py knows the truth, from what was done and the rules of open files (files.py) alone. It never asks epolltop;
  /proc and kcmp(2) confirm it before each look, so that a mistake of the oracle is not taken for one of epolltop's.
- comparison.py holds what the rung told (reported.py) against the truth: creations and failures in calls.py, who holds
  what in holdings.py, the ends in releases.py, waits in loops.py, with their times in durations.py and
  the present ones in present_turns.py, changes of interest lists in interest.py, totals and what it says of itself in
  comparison.py. Where a rung cannot know, naming.py says which answers are right.

What differs is printed below the account: all moves of the run, and what each made and ended.

The other tests bring a rung to what no seed can: a machine out of files, a kernel without BTF, a known defect.
"""
