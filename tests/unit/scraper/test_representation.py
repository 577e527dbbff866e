import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_scraper.representation import VRS, read_vm, read_vr, split_vr_vm, vr_vm_in_note


@pytest.mark.parametrize("vr", sorted(VRS))
def test_every_vr_of_the_standard(vr):
    assert read_vr(vr) == (vr, None)
    assert read_vr(f" {vr.lower()} ") == (vr, None)


@pytest.mark.parametrize("text", ["US or SS", "OB/OW", "US/SS"])
def test_a_choice_leaves_the_vr_open(text):
    vr, problem = read_vr(text)
    assert vr is None
    assert problem is not None
    assert text in problem


@pytest.mark.parametrize("text", ["SX", "0B", "Long"])
def test_what_is_no_vr_is_not_read_as_its_neighbour(text):
    vr, problem = read_vr(text)
    assert vr is None
    assert problem is not None


@pytest.mark.parametrize("text", ["", "-", "N/A"])
def test_an_absent_vr_is_no_problem(text):
    assert read_vr(text) == (None, None)


@pytest.mark.parametrize(
    ("text", "vm"),
    [
        ("1", "1"),
        ("24", "24"),
        ("1-n", "1-n"),
        ("1 - N", "1-n"),
        ("2..n", "2-n"),
        ("2-2n", "2-2n"),
        ("1\u20133", "1-3"),
        ("S", "1"),
    ],
)
def test_multiplicities(text, vm):
    assert read_vm(text) == (vm, None)


@pytest.mark.parametrize("text", ["n", "many", "0"])
def test_what_is_no_multiplicity(text):
    vm, problem = read_vm(text)
    assert vm is None
    assert problem is not None


def test_vr_and_vm_in_a_note():
    noted = vr_vm_in_note("VR = LO, VM = 1-n, shown on the console")
    assert (noted.vr, noted.vm, noted.rest) == ("LO", "1-n", "shown on the console")


def test_a_note_without_them_stays_as_it_is():
    noted = vr_vm_in_note("LO of the scanner")
    assert (noted.vr, noted.vm, noted.rest) == ("", "", "LO of the scanner")


def test_one_column_for_both():
    assert split_vr_vm("LO/1-n") == ("LO", "1-n")
    assert split_vr_vm("US or SS") == ("", "")


@given(st.text(max_size=20))
def test_a_vr_is_one_of_the_standard_or_none(text):
    assert read_vr(text)[0] in VRS | {None}


def test_a_vr_whose_letters_stand_apart():
    assert read_vr("D S") == ("DS", None)
    assert read_vr("D X")[0] is None
