"""The two kinds of errors that reach the user as one sentence."""

import difflib
import typing


class ReportError(Exception):
    """Something that stops the run; the message names the value, the place and the way out."""


class UsageError(ReportError):
    """A wrong request: exit code 2 instead of 1."""


def unknown(kind: str, name: str, valid: typing.Iterable[str], listed: str = "") -> str:
    """Word the sentence for a name that does not exist, with the nearest one that does.

    Args:
        listed: where all are listed, if they are too many for the sentence.
    """
    valid = list(valid)
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
    every = listed or f"choose from: {', '.join(valid)}"
    return f"There is no {kind} {name!r}; {f'did you mean {near[0]!r}?' if near else f'{every}.'}"
