"""What epolltop says on stderr: the sentence for what went wrong, its remedy, and the exit code."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from epolltop.errors import SourceUnavailable, Unplayable
from epolltop.options import Options
from epolltop.own_process.streams import Gone, say
from epolltop.query.refusal_catalogue import MORE_DESCRIPTORS, refusal_remedy, refusal_words
from epolltop.text.safe import narrated

FAILED, BAD_USAGE, NO_SOURCE = 1, 2, 3
_NO_THREAD = "can't start new thread"  # the interpreter has no better name for it


def told(step: Callable[[], int | None], options: Options | None = None) -> int:
    """The exit code of a step, or of what it raises, after saying so in a sentence."""
    try:
        return step() or 0
    except Gone as gone:
        return gone.code
    except SourceUnavailable as error:
        insisted = options is not None and options.source != "auto"
        why, remedy = refusal_words(error.evidence), refusal_remedy(error.evidence)
        return complain(*why.splitlines(), f"  remedy: {remedy}", code=NO_SOURCE if insisted else FAILED)
    except Unplayable as error:
        name = options.saved if options is not None and options.saved != "-" else "stdin"
        return complain(f"{name}: {error}")
    except OSError as error:
        return complain(*sentence(error))
    except MemoryError:
        return complain("there is not enough memory")
    except RuntimeError as error:
        if str(error) != _NO_THREAD:
            raise
        return complain("no thread can be started", "  remedy: ulimit -u 1024")


def sentence(error: OSError) -> Sequence[str]:
    """The lines that say what failed, and what helps if that is known."""
    if error.errno == errno.EMFILE:
        return error.strerror or "", f"  remedy: {MORE_DESCRIPTORS}"
    return (f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error),)


def narrate(*lines: str) -> None:
    """All that is said passes here, so that what somebody else named is safe."""
    say(f"epolltop: {chr(10).join(map(narrated, lines))}")


def complain(*lines: str, code: int = FAILED) -> int:
    """Says why epolltop ends, and returns the code with which it does."""
    narrate(*lines)
    return code
