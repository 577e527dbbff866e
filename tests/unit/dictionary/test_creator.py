from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_dictionary.creator import encode, fold, trim


@pytest.mark.parametrize(
    "written", ["SIEMENS CT VA0  COAD", "Siemens ct va0 coad", " SIEMENS\tCT VA0 COAD "]
)
def test_case_and_spaces_fold(written):
    assert fold(written.encode()) == b"siemens ct va0 coad"


def test_other_letters_stay():
    assert fold("ÄÖ É".encode()) == "ÄÖ É".encode()


@given(st.binary(max_size=40))
def test_folding_twice_changes_nothing(name):
    assert fold(fold(name)) == fold(name)


def test_padding_goes():
    assert trim("GEMS_IDEN_01 \0") == "GEMS_IDEN_01"


@pytest.mark.parametrize("impossible", ["A\0B", "A\udc80"])
def test_no_file_holds_a_nul_or_a_surrogate(impossible):
    assert encode(impossible) is None
