"""Errors shown to the user as a one-sentence message."""

import difflib
import typing


class ReportError(Exception):
    """An error that stops the run with exit code 1; the message names the value, the place and the way out."""

    code = 1


class UsageError(ReportError):
    """A usage error: exit code 2 instead of 1."""

    code = 2


def unknown(kind: str, name: str, valid: typing.Iterable[str], listed: str = "") -> str:
    """Return the message for an unknown name, with the closest valid name.

    Args:
        listed: where the valid names are listed, if there are too many for the message.
    """
    valid = list(valid)
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
    every = listed or f"choose from: {', '.join(valid)}"
    return f"Unknown {kind} {name!r}; {f'did you mean {near[0]!r}?' if near else f'{every}.'}"
