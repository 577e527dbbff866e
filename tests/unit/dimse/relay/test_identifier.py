"""Identifiers in another transfer syntax."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from atlas_node.dimse.relay.identifier import carried_over, decode_identifier, encode_identifier
from tests.scanner import EXPLICIT, IMPLICIT
from tests.unit.dimse.relay.queries import encoded, keys, nested


def test_it_says_the_same_in_another_transfer_syntax() -> None:
    identifier = encoded(keys()) + nested(3)
    carried = carried_over(identifier, EXPLICIT, IMPLICIT)
    assert decode_identifier(carried, IMPLICIT) == decode_identifier(identifier, EXPLICIT)


@pytest.mark.parametrize("defined", [True, False])
def test_sequences_may_be_nested_in_64_levels(defined: bool) -> None:
    carried_over(nested(64, defined=defined), EXPLICIT, IMPLICIT)
    for depth in (65, 300, 5000):
        with pytest.raises(ValueError, match=r"nested deeper than 64|cannot be read"):
            carried_over(nested(depth, defined=defined), EXPLICIT, IMPLICIT)


def test_what_cannot_be_read_is_a_value_error() -> None:
    ds = Dataset()
    ds.add_new(0x00400100, "SQ", [])
    broken = encoded(ds)[:8] + b"\x04\0\0\0\xfe\xff\0\xe0"
    with pytest.raises(ValueError, match="cannot be"):
        encode_identifier(decode_identifier(broken, EXPLICIT), IMPLICIT)
