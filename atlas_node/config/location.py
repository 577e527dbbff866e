"""Where a setting stands in the configuration, and how messages write it."""

from __future__ import annotations

Location = tuple[str | int, ...]
"""Keys and list indices from the top, as pydantic gives them."""


def quoted(text: str) -> str:
    """Return `text` in double quotes, with nothing in it that a terminal would act on."""
    return f'"{text}"' if text.isprintable() else f'"{text.encode("unicode_escape").decode()}"'


def dotted(location: Location) -> str:
    """Return a location as people write it, such as ``routes[0].to``."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if part.isprintable() else quoted(part))
    return text
