from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_dictionary.keywords import derive_keyword


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
