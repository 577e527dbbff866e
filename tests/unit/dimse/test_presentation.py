import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from atlas_node.dimse.presentation import preferred


@pytest.mark.parametrize(
    ("proposed", "taken"),
    [
        ([ImplicitVRLittleEndian, ExplicitVRLittleEndian], ExplicitVRLittleEndian),
        ([ImplicitVRLittleEndian, JPEG2000Lossless, ExplicitVRLittleEndian], JPEG2000Lossless),
        ([ExplicitVRLittleEndian, JPEG2000Lossless], ExplicitVRLittleEndian),
        ([ExplicitVRBigEndian, ImplicitVRLittleEndian], ImplicitVRLittleEndian),
        ([ExplicitVRBigEndian], ExplicitVRBigEndian),
        ([ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian], DeflatedExplicitVRLittleEndian),
        (["1.2.840.113619.5.2", ExplicitVRLittleEndian], "1.2.840.113619.5.2"),
    ],
)
def test_what_the_sender_would_rather_send_is_taken_if_it_names_the_vrs(proposed, taken):
    assert preferred(proposed)[0] == taken
    assert sorted(preferred(proposed)) == sorted(proposed)
