import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from atlas_node.encoding.standard import may_have_private
from tests.unit.dimse.relay.queries import element, encoded, study, with_private


def test_a_response_of_standard_elements_has_none():
    assert not may_have_private(encoded(study(1, ModalitiesInStudy=["MR", "SR"])))
    assert not may_have_private(b"")


def test_a_long_element_is_passed_over():
    ds = study(1)
    ds.LabelText = "x" * 70_000
    assert not may_have_private(encoded(ds))


@pytest.mark.parametrize("creator", ["SIEMENS MR HEADER", ""])
def test_a_private_element_is_seen(creator):
    assert may_have_private(with_private(b"1000", creator=creator))


def test_in_a_sequence_there_may_be_one():
    ds = study(1)
    ds.ReferencedStudySequence = [Dataset()]
    assert may_have_private(encoded(ds))


@pytest.mark.parametrize("cut", range(1, 10))
def test_what_ends_too_early_may_have_one(cut):
    assert may_have_private(encoded(study(1))[:-cut])


def test_behind_a_vr_that_nobody_knows_there_may_be_one():
    assert may_have_private(element(0x00080005, "ZZ", b"ISO_IR 100"))


@given(st.binary())
def test_whatever_the_bytes_are_there_is_an_answer(data):
    assert may_have_private(data) in (True, False)


@given(st.binary(max_size=20), st.integers(0, 0x7FFF))
def test_a_private_element_is_seen_behind_any_other(value, group):
    value += b" " * (len(value) & 1)
    before = element(0x00080052, "CS", value)
    assert may_have_private(before + element(group << 17 | 0x10010, "LO", b"x"))
