"""What the query proxy knows of private attributes, apart from any network.

`PrivateAttributes` and `resolve` give the private keys of a request their creator and VR,
`parse_key` is attribute matching, `AttributeIndex` knows what every received instance has, and an
`IndexedQuery` answers with it the keys that the upstream does not know.
"""

from atlas_node.query.answer import IndexedQuery, NothingIndexedError, is_indexed
from atlas_node.query.index import AttributeIndex
from atlas_node.query.indexed import Indexed, IndexedKey, Level
from atlas_node.query.matching import Condition, QueryKeyError, parse_key
from atlas_node.query.private_keys import (
    PrivateAttributes,
    PrivateKey,
    encode_values,
    resolve,
)
from atlas_node.query.search import PrivateSearch

__all__ = [
    "AttributeIndex",
    "Condition",
    "Indexed",
    "IndexedKey",
    "IndexedQuery",
    "Level",
    "NothingIndexedError",
    "PrivateAttributes",
    "PrivateKey",
    "PrivateSearch",
    "QueryKeyError",
    "encode_values",
    "is_indexed",
    "parse_key",
    "resolve",
]
