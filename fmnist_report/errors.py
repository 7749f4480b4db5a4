"""The two kinds of errors that reach the user as one sentence."""


class ReportError(Exception):
    """Something that stops the run; the message names the value, the place and the way out."""


class UsageError(ReportError):
    """A wrong request: exit code 2 instead of 1."""
