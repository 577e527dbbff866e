"""Private creators that the built-in dictionary knows.

`creator_names` asks whether a text is one of them. That decides what words are, never what they
mean: a creator is taken because the document says it, and the dictionary tells that the words are
a creator's and where a cell broke them.
"""

from functools import cache

from atlas_dictionary import open_dictionary

# Known, and words of any other text as well.
_COMMON = frozenset(
    {"anon", "blood", "editstatus", "pm", "priv", "test", "v1", "ctp", "isi", "viewing protocol"}
    | {"image private header", "common private header", "ge generic data", "hipaa private creator"}
    | {"db dicom private creator"}
)


def is_known(text: str) -> bool:
    """Whether the dictionary has a creator of this name, whatever its case and spaces."""
    return _folded(text) in _names()


def is_unmistakable(text: str) -> bool:
    """Whether a known creator is no plain word or company's name, so that it needs no label."""
    words = text.split()
    odd = any(c.isdigit() or c in "_:" for c in text) or (len(words) > 1 and text.isupper())
    return odd and len(text) > 4 and is_known(text)


def mended(text: str) -> str:
    """Give the creator whose name a line break divided, "GEMS_ACQU _01"; else the text."""
    if is_known(text):
        return text
    return _unspaced().get("".join(text.split()), text)


@cache
def _names() -> frozenset[str]:
    return frozenset({_folded(creator) for creator in open_dictionary().creators()} - _COMMON)


@cache
def _unspaced() -> dict[str, str]:
    return {"".join(creator.split()): creator for creator in open_dictionary().creators()}


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
