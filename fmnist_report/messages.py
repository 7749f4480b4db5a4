"""Markers for translatable messages."""


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "mark, translate later"
    """Mark a message for the catalogue; it is translated when it is shown."""
    return message


def N_n(singular: str, plural: str) -> tuple[str, str]:  # noqa: N802 - as N_
    """Mark a singular and a plural form; the catalogue has as many forms as its language needs."""
    return singular, plural
