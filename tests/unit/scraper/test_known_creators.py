"""Creators of the built-in dictionary, as evidence of what words are."""

import pytest

from atlas_scraper.known_creators import is_known, is_unmistakable, mended


def test_case_and_spaces_do_not_matter():
    assert is_known("SIEMENS MR HEADER")
    assert is_known("Siemens  MR Header")
    assert not is_known("SIEMENS MR HEADERS")


def test_words_of_any_text_are_not_known():
    assert not is_known("Test")
    assert not is_known("Viewing Protocol")


@pytest.mark.parametrize("text", ["GEMS_ACQU_01", "SIEMENS CSA HEADER", "Philips Imaging DD 001"])
def test_what_needs_no_label(text):
    assert is_unmistakable(text)


@pytest.mark.parametrize("text", ["Canon Inc.", "Visage", "NETWORK SERVICES", ""])
def test_a_company_or_a_heading_needs_a_label(text):
    assert not is_unmistakable(text)


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("GEMS_ACQU _01", "GEMS_ACQU_01"),
        ("SIEMENSMR HEADER", "SIEMENS MR HEADER"),
        ("SIEMENS MR HEADER", "SIEMENS MR HEADER"),
        ("ACME_IMAGE _7", "ACME_IMAGE _7"),
    ],
)
def test_a_name_that_a_cell_broke_is_mended(broken, whole):
    assert mended(broken) == whole
