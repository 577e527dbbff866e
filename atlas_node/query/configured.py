"""Whether the private attributes of ``query.index`` can be searched, as the dictionary has them.

The supervisor refuses to start with one whose values cannot be matched; `atlas-node check` also
names those that the dictionary does not know. The rule: unknown is no fault that stops a node, for
objects in explicit VR tell the VR themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from atlas_node.errors import ConfigurationError
from atlas_node.query.indexed import IndexedKey
from atlas_node.query.private_keys import PrivateAttributes, is_searchable


def refuse_unsearchable(configured: Iterable[IndexedKey], attributes: PrivateAttributes) -> None:
    """Refuse keys whose VR cannot be matched.

    Parameters
    ----------
    configured : iterable of IndexedKey
        In the order of ``query.index``.
    attributes : PrivateAttributes

    Raises
    ------
    ConfigurationError
        Naming the first.
    """
    for position, key in enumerate(configured):
        why = _unsearchable(key, attributes)
        if why:
            raise ConfigurationError(f"query.index[{position}]: {key.creator} {key.key} {why}")


def faults(
    configured: Iterable[IndexedKey], attributes: PrivateAttributes
) -> Iterator[tuple[IndexedKey, str]]:
    """Yield each key that cannot be searched, or is not known, and what is wrong with it."""
    for key in configured:
        unsearchable = _unsearchable(key, attributes)
        if unsearchable:
            yield key, unsearchable
        elif not attributes.knows(key.creator, *_place(key)):
            what = "attribute" if attributes.knows_creator(key.creator) else "creator"
            yield (
                key,
                f"is not in the dictionary ({what} unknown): correct it, or add it to a "
                "dictionary of dictionary.paths",
            )


def _unsearchable(key: IndexedKey, attributes: PrivateAttributes) -> str:
    """Return why values of a key cannot be matched; empty where they can, or it is unknown."""
    vr = attributes.vr(key.creator, *_place(key))
    if vr == "UN" or is_searchable(vr):
        return ""
    return f"has VR {vr}, which cannot be searched: remove it from query.index"


def _place(key: IndexedKey) -> tuple[int, int]:
    """Return group and element of ``(0019,xx0c)``, the element without its block."""
    return int(key.key[1:5], 16), int(key.key[-3:-1], 16)
