import pytest

from atlas_scraper.creator_names import (
    creator_of_line,
    creator_of_note,
    group_of_line,
    is_creator,
    unbroken,
    unmarked_creator,
)


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


@pytest.mark.parametrize(
    "line",
    [
        "Table 7-1: Private attributes (owner: {})",
        "Table 7-1: Private attributes, owner: {}",
        "Table 7-1: Private attributes (Private Creator: {})",
        'Table 7.3: Private Elements, owner = "{}"',
        'Private elements (Private Creator "{}")',
        "Private Attribute Group: 0029, Creator: {}",
        "Private Creator Data Element (0029,0010): {}",
        "Private Identification Code: {}",
        "Owner ID: {}",
        "Creator Name: {}",
        "Privater Eigent\u00fcmer: {}",
        "Privates Attribut, Ersteller: {}",
        "Creatore privato: {}",
    ],
)
@pytest.mark.parametrize(
    "creator", ["SIEMENS MR HEADER", "KRONOS_ACQ_V2", "Helix Imaging", "FUJI PHOTO FILM Co., ltd."]
)
def test_the_label_is_no_part_of_the_creator(line, creator):
    assert creator_of_line(line.format(creator)) == creator


@pytest.mark.parametrize(
    ("line", "creator"),
    [
        ("7.3 Private module KRONOS_ACQ_V2", "KRONOS_ACQ_V2"),
        ("Group 0029 - KRONOS_ACQ_V2", "KRONOS_ACQ_V2"),
        ("Group 0019: SIEMENS MR HEADER", "SIEMENS MR HEADER"),
        ("Implementer: KRONOS_ACQ_V2", "KRONOS_ACQ_V2"),
        ("7.1 Private group 7005 TOSHIBA_MEC_CT3", "TOSHIBA_MEC_CT3"),
        ("The private creator element has the value KRONOS_ACQ_V2.", "KRONOS_ACQ_V2"),
        ("The private creator is FUJI PHOTO FILM Co., ltd.", "FUJI PHOTO FILM Co., ltd."),
        ("The private creator is SIEMENS MR HEADER.", "SIEMENS MR HEADER"),
    ],
)
def test_a_creator_behind_a_group_or_in_a_sentence(line, creator):
    assert creator_of_line(line) == creator


@pytest.mark.parametrize(
    "line",
    [
        "Owner: Quality Management",
        "Copyright owner: HELIX IMAGING GMBH",
        "Document Identification: KRONOS DCS 12",
        "Private attributes (continued)",
        "Private Attributes (Group 0029)",
        "Group 0029 - IMAGE PARAMETERS",
        "Private creator: see table 4",
        "Private Creator: (0029,0010)",
    ],
)
def test_other_owners_groups_and_labels_are_no_creator(line):
    assert creator_of_line(line) is None


@pytest.mark.parametrize("line", ["7.2 Group 7005h", "Private data (Group: 7005H)", "Group 7005"])
def test_a_group_may_be_written_with_an_h(line):
    assert group_of_line(line) == "7005"


def test_a_note_names_the_creator_of_its_element():
    assert creator_of_note("Private creator: Helix Imaging. Set by the console") == "Helix Imaging"
    assert creator_of_note("Identifies the owner: see Helix Imaging") is None
    assert creator_of_note("Owner ID: John") is None


@pytest.mark.parametrize("text", ["Helix Imaging Ltd: recon", "Value: Helix Imaging", "AcmeCorp"])
def test_the_text_of_a_creator_row_may_be_its_creator(text):
    assert unmarked_creator(text) == text.removeprefix("Value: ")


@pytest.mark.parametrize("text", ["ANAP", "Reserves the block", "Always sent", "0010", "1", "LO"])
def test_the_remark_of_a_creator_row_is_none(text):
    assert unmarked_creator(text) is None


def test_an_identifier_broken_by_its_cell_is_joined():
    assert unbroken("KRONOS_AC Q_V2") == "KRONOS_ACQ_V2"
    for whole in ("SIEMENS MR HEADER", "AMI Annotations_01", "GEMS_ACRQA_1.0 BLOCK1"):
        assert unbroken(whole) == whole
