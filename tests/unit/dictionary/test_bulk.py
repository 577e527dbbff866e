"""Many keys at once."""

from __future__ import annotations

import numpy as np
import pytest

from atlas_dictionary import open_dictionary


def test_names_numbers_and_one_name_for_all_agree():
    dictionary = open_dictionary()
    number = dictionary.creators().index("SIEMENS MR HEADER")
    groups, elements = np.array([0x19, 0x19, 0x51]), np.array([0x100A, 0x10FF, 0x100A])
    expected = [b"US", b"UN", dictionary.private("SIEMENS MR HEADER", 0x51, 0x0A).vr.encode()]
    for creators in (
        "siemens mr header",
        ["SIEMENS MR HEADER"] * 3,
        np.array(["SIEMENS MR HEADER"] * 3),
        np.full(3, number),
    ):
        matches = dictionary.lookup_many(creators, groups, elements)
        assert matches.vr.tolist() == expected
        assert matches.found.tolist() == [True, False, True]


def test_one_group_for_all_elements_of_a_block():
    dictionary = open_dictionary()
    matches = dictionary.lookup_many("GEMS_PARM_01", 0x43, np.arange(256))
    offsets = dictionary.block("GEMS_PARM_01", 0x43).offsets
    assert np.flatnonzero(matches.found).tolist() == list(offsets)


def test_standard_elements():
    matches = open_dictionary().lookup_many(
        None, [0x10, 0x6002, 0x28, 0x11], [0x10, 0x3000, 0x106, 0x10]
    )
    assert matches.vr.tolist() == [b"PN", b"UN", b"UN", b"UN"]
    assert matches.found.tolist() == [True, True, True, False]
    assert matches.entry(1).vr == "OB or OW"
    assert matches.entry(3) is None


@pytest.mark.parametrize(
    ("creators", "groups", "elements"),
    [
        ("C", [0x10000], [0]),
        ("C", [0x19], [-1]),
        ("C", [0.5], [1]),
        (np.array([100000]), [0x19], [1]),
        (np.array([-2]), [0x19], [1]),
    ],
)
def test_refuses_what_is_no_number_of_sixteen_bits_or_no_creator(creators, groups, elements):
    with pytest.raises(ValueError, match="number"):
        open_dictionary().lookup_many(creators, groups, elements)
