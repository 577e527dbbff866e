"""Text in XML files; used by the exporters that write one."""

from __future__ import annotations

import re
from html import escape

_NO_LINE = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def writable(text: str) -> bool:
    """Return whether XML 1.0 (2.2, Char) has all characters of `text`, and on one line."""
    return _NO_LINE.search(text) is None


def content(text: str) -> str:
    """Return `text` for the content of an element."""
    return escape(text, quote=False)


def attribute(text: str) -> str:
    """Return `text` as the value of an attribute, with its quotation marks."""
    return f'"{escape(text)}"'
