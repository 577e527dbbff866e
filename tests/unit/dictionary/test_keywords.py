from __future__ import annotations

import re
from keyword import iskeyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_dictionary.keywords import clean_name, derive_keyword, valid_keyword


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("NumberOfImagesInMosaic", "NumberOfImagesInMosaic"),
        ("Number of images in mosaic", "NumberOfImagesInMosaic"),
        ("Text_annotation", "TextAnnotation"),
        ("Patient's Name", "PatientName"),
        ("2nd Flip Angle [degree]", "SecondFlipAngleDegree"),
        ("GE Advance Curve.curve_id", "GEAdvanceCurveCurveId"),
        ("b-value", "BValue"),
        ("", ""),
        ("Unknown", ""),
        ("?num?", ""),
        ("<internal", ""),
    ],
)
def test_keyword_of_a_name(name, keyword):
    assert derive_keyword(name) == keyword


@given(st.text(max_size=200))
def test_a_keyword_has_letters_and_digits_only(name):
    assert re.fullmatch(r"([A-Z][A-Za-z0-9]{0,63})?", derive_keyword(name), re.ASCII)


@pytest.mark.parametrize(
    ("written", "keyword"),
    [
        ("NumberOfImagesInMosaic", "NumberOfImagesInMosaic"),
        ("FILTER_REAL_POSITION", "FILTER_REAL_POSITION"),
        ("Total Treatment Time", "TotalTreatmentTime"),
        ("3DPointFile", "ThreeDPointFile"),
        ("import", "Import"),
        ("None", ""),
        ("?", ""),
    ],
)
def test_a_keyword_that_is_no_identifier_becomes_one(written, keyword):
    assert valid_keyword(written) == keyword


@given(st.text(max_size=100))
def test_names_and_keywords_do_not_change_when_made_again(text):
    name, keyword = clean_name(text.strip()), valid_keyword(text)
    assert clean_name(name) == name
    assert valid_keyword(keyword) == keyword
    assert keyword == "" or (keyword.isidentifier() and not iskeyword(keyword))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("?num?", ""),
        ("?vect1?", "vect1"),
        ("? SOP Instance UID ?", "SOP Instance UID"),
        ("Operators\u2019 Name", "Operators' Name"),
        ("Iso\u2010center", "Iso-center"),
        ("tan \u03b8", "tan \u03b8"),
        ("\u03b8", "\u03b8"),
        ("?", ""),
        ("Unknown", ""),
    ],
)
def test_a_name_without_marks_of_doubt(written, name):
    assert clean_name(written) == name
