"""What the node brings to queries with private keys: a dictionary, and an index if there is one.

`node` makes a `PrivateSearch` of the configuration and hands it to the query proxy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atlas_node.query.answer import IndexedQuery
from atlas_node.query.index import AttributeIndex
from atlas_node.query.indexed import IndexedKey, Level
from atlas_node.query.private_keys import PrivateAttributes, PrivateKey


@dataclass(frozen=True, slots=True)
class PrivateSearch:
    """How private keys are completed and answered.

    Attributes
    ----------
    attributes : PrivateAttributes
    index : AttributeIndex or None
        None: no private attribute is indexed.
    configured : sequence of IndexedKey
        What the index holds.
    """

    attributes: PrivateAttributes
    index: AttributeIndex | None = None
    configured: Sequence[IndexedKey] = ()

    def indexed(self, keys: Sequence[PrivateKey], level: str | None) -> IndexedQuery | None:
        """Return the part of a query that the index answers; None when there is none.

        Parameters
        ----------
        keys : sequence of PrivateKey
            Of the request.
        level : str or None
            Query/retrieve level in lower case.

        Raises
        ------
        QueryKeyError
            When a key that is indexed has a value that its VR does not allow.
        """
        if self.index is None or level is None or level not in [*Level]:
            return None
        query = IndexedQuery(self.index, self.configured, keys, Level(level))
        return query if query else None
