import pytest

from atlas_scraper.creator_names import creator_of_line, is_creator


@pytest.mark.parametrize(
    ("line", "creator"),
    [
        ("B.1. 1 Private Creator Identification (GEMS_IDEN_01)", "GEMS_IDEN_01"),
        ("Private Group GEMS_XR3DCAL_01", "GEMS_XR3DCAL_01"),
        ("Private Creator: SIEMENS MR HEADER", "SIEMENS MR HEADER"),
        ('8.2 Private Creator ID = "Philips Imaging DD 001"', "Philips Imaging DD 001"),
        ("Table 12. Private attributes (SIEMENS CSA HEADER)", "SIEMENS CSA HEADER"),
        ("Private Creator: Mitra Markup 1.0", "Mitra Markup 1.0"),
        ("4.3 GEMS_PARM_01 Private Group", "GEMS_PARM_01"),
    ],
)
def test_a_heading_names_its_creator(line, creator):
    assert creator_of_line(line) == creator


@pytest.mark.parametrize(
    "line",
    [
        "Private Creator Group 2001",
        "Private Creator Identification",
        "B.1 CT Image IOD Private Data Elements Definition",
        "MR Image Storage SOP Class - Private Group",
        "2.4.3 Private Data Elements",
        "The private creator is used to reserve a block of the group",
        "C.3 Directory Information (DICOM PS3.10)",
    ],
)
def test_a_heading_that_names_none(line):
    assert creator_of_line(line) is None


@pytest.mark.parametrize("text", ["GEMS_IDEN_01", "SIEMENS MR HEADER", "Philips Imaging DD 001"])
def test_what_is_a_creator_without_any_label(text):
    assert is_creator(text)


@pytest.mark.parametrize(
    "text", ["Zero length", "SPIR", "Dfov Rect", "Private Creator Group 2001", "1.2.840.113619", ""]
)
def test_what_is_none_beyond_doubt(text):
    assert not is_creator(text)
