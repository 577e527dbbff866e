"""Keys of the index that the dictionary does not know, or that nothing can be compared with."""

from __future__ import annotations

import pytest

from atlas_dictionary import open_layers
from atlas_node.errors import ConfigurationError
from atlas_node.query import IndexedKey, Level, PrivateAttributes
from atlas_node.query.configured import faults, refuse_unsearchable

B_VALUE = IndexedKey("SIEMENS MR HEADER", "(0019,xx0c)", Level.IMAGE)
CSA = IndexedKey("SIEMENS CSA HEADER", "(0029,xx10)", Level.IMAGE)


@pytest.fixture(scope="module")
def attributes():
    return PrivateAttributes(open_layers((), {}))


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        (B_VALUE, None),
        (CSA, "has VR OB"),
        (IndexedKey("SIEMENS MR HAEDER", "(0019,xx0c)", Level.IMAGE), "creator unknown"),
        (IndexedKey("SIEMENS MR HEADER", "(0019,xxf7)", Level.IMAGE), "attribute unknown"),
    ],
)
def test_each_fault_is_named(attributes, key, fault):
    found = list(faults([key], attributes))
    assert len(found) == (fault is not None)
    assert all(it is key and fault in why for it, why in found)


def test_a_node_does_not_start_with_a_key_that_cannot_be_searched(attributes):
    refuse_unsearchable([B_VALUE], attributes)
    with pytest.raises(
        ConfigurationError,
        match=r"query\.index\[1\]: SIEMENS CSA HEADER \(0029,xx10\) has VR OB, which cannot",
    ):
        refuse_unsearchable([B_VALUE, CSA], attributes)


def test_an_unknown_one_is_no_reason_not_to_start(attributes):
    refuse_unsearchable([IndexedKey("ACME", "(0011,xx01)", Level.IMAGE)], attributes)
