"""Marking of messages that a catalogue translates where they are shown."""


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "mark, translate later"
    """Mark a message for the catalogue; it is translated where it is shown."""
    return message


def N_n(singular: str, plural: str) -> tuple[str, str]:  # noqa: N802 - as N_
    """Mark the two English forms of a counted thing, of which a catalogue has as many as its language."""
    return singular, plural
