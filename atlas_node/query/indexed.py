"""Private attributes that are indexed: their keys and levels, and what an instance has of them.

`route.indexing` makes an `Indexed` of each object, `AttributeIndex` keeps it; the configuration
names the keys. Nothing here knows a database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from atlas_node.query.numeric import Value


class Level(StrEnum):
    """A level of the study root information model (PS3.4 C.6.2.1)."""

    STUDY = "study"
    SERIES = "series"
    IMAGE = "image"

    @property
    def depth(self) -> int:
        """How many UIDs name an entity of this level."""
        return LEVELS.index(self) + 1


LEVELS: Final = (Level.STUDY, Level.SERIES, Level.IMAGE)
"""From above, as the index numbers them from 1."""


@dataclass(frozen=True, slots=True)
class IndexedKey:
    """A private attribute that can be searched.

    Attributes
    ----------
    creator : str
    key : str
        Such as ``(0019,xx0c)``.
    level : Level
        What an entity with a value is; a query at another level asks for those above or below.
    """

    creator: str
    key: str
    level: Level


@dataclass(frozen=True, slots=True)
class Indexed:
    """The values that one received instance has for indexed keys.

    Attributes
    ----------
    uids : tuple of str
        Of its study, series and instance.
    values : mapping of IndexedKey to (VR, values)
        In the order of the attribute. No values: there are some that are not kept, because they
        are too long or nobody can read them.
    others : mapping of IndexedKey to sequence of (VR, values)
        Of attributes that it has in several VRs, in items of its sequences: those after the first.
    """

    uids: tuple[str, str, str]
    values: Mapping[IndexedKey, tuple[str, Sequence[Value]]]
    others: Mapping[IndexedKey, Sequence[tuple[str, Sequence[Value]]]] = field(default_factory=dict)
