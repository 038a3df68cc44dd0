"""Mutants of what comes from outside: recordings, snapshot files, filters, and what the probes hand over.

`python -m tests.fuzz` goes on until it is stopped, and keeps what is answered wrongly as a file, with the command that
tries it again. Right is: no traceback, at most a sentence of why, no control character, a bounded time.
"""
