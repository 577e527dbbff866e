"""What of patients' values enters the log: all, their shape, or nothing.

The recorder passes every patient identifier and every element value through here before it is
written (`log.values` of the configuration). UIDs and the names of devices are kept in all three
settings: without them no object could be found again.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

Values = Literal["full", "masked", "none"]
VALUES: tuple[Values, ...] = get_args(Values)


def kept_text(text: str, values: Values) -> str:
    """Return what is kept of a patient's identifier: it, a star a letter or digit, or nothing."""
    if values == "full":
        return text
    return _masked(text) if values == "masked" else ""


def kept_value(value: list[Any] | None, values: Values) -> list[Any] | None:
    """Return what is kept of an element's value.

    Masked, each item of text has a star for each letter and digit, so that its length and form
    still show, and each number is one star.
    """
    if value is None or values == "full":
        return value
    if values == "none":
        return None
    return [_masked(item) if isinstance(item, str) else "*" for item in value]


def _masked(text: str) -> str:
    return "".join("*" if character.isalnum() else character for character in text)
