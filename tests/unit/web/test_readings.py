import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.annotate.charset import DEFAULT_REPERTOIRE
from atlas_node.annotate.verify import misfit
from atlas_node.log import Sample
from atlas_node.web.readings import VRS, bytes_of, reading, readings


def sample(value: bytes, truncated: bool = False) -> Sample:
    return Sample([value.hex()], truncated, "UN")


def of(vr: str, *values: bytes, vm: str = "", cut: bool = False):
    return reading(vr, [(value, cut) for value in values], vm)


@given(st.binary(max_size=40), st.sampled_from([vr for vr in VRS if vr != "SQ"]))
def test_what_the_engine_would_write_fits_and_what_it_would_refuse_never_does(value, vr):
    found = of(vr, value)

    refused = misfit(vr, memoryview(value), None, DEFAULT_REPERTOIRE)
    if found.fits:
        assert not refused
    if found.misfits:
        assert refused
        assert found.why
    if not refused:
        assert found.fits == 1


@given(st.binary(max_size=30).filter(lambda it: len(it) % 2 == 0), st.sampled_from(VRS))
def test_a_cut_value_is_never_said_to_fit(value, vr):
    assert of(vr, value, cut=True).fits == 0


def test_each_value_is_counted_and_read():
    found = of("DS", b"15.5", b"7 ", b"M ")

    assert (found.fits, found.misfits) == (2, 1)
    assert found.examples == ("15.5", "7.0")
    assert found.why.startswith("the value is not a decimal number")
    assert of("FL", struct.pack("<2f", 1.5, -2)).examples == ("1.5\\-2.0",)


def test_the_number_of_values_counts_where_it_is_given():
    assert of("DS", b"1\\2 ", vm="2").fits == 1
    assert of("DS", b"1\\2 ", vm="1").misfits == 1
    assert of("US", b"\1\0\2\0", vm="1").misfits == 1


def test_a_cut_value_may_still_be_no_text():
    whole = b"1.25\\" * 30

    assert of("DS", whole[:127] + b"\\", cut=True).misfits == 0
    assert of("LO", b"\1" * 128, cut=True).misfits == 1
    assert of("DS", b"1.2\\abc\\1.0 ", cut=True).misfits == 1
    assert of("FD", b"x" * 126, cut=True).open == 1


def test_text_beyond_ascii_depends_on_a_character_set_that_the_log_does_not_have():
    assert of("LO", "Kopf-Fuß".encode("latin-1")).open == 1
    assert of("DS", "Fuß ".encode("latin-1") + b"x").misfits == 1
    assert of("SH", b"\xe4\1").misfits == 1


def test_a_sequence_begins_with_an_item():
    assert of("SQ", b"\xfe\xff\x00\xe0\0\0\0\0").open == 1
    assert of("SQ", b"12").misfits == 1


def test_the_vrs_that_fit_come_first():
    found = readings([sample(b"12"), sample(b"42")])

    assert found[0].vr == "UI"
    assert {it.vr for it in found if not it.misfits} >= {"IS", "DS", "LO", "SH", "US", "OB"}
    assert [it.misfits > 0 for it in found] == sorted(it.misfits > 0 for it in found)


@pytest.mark.parametrize(
    "other",
    [Sample(["**"], False, "UN"), Sample([7], False, "US"), Sample(["4d"], False, "LO")],
)
def test_masked_values_and_those_of_other_vrs_are_no_bytes(other):
    assert bytes_of(other) is None
    assert readings([other]) == ()
