import pytest

from atlas_dictionary import open_layers
from atlas_scraper.comparison import Standing, compare

TABLE = """\
creator,group,element,vr,vm,name,detail
ACME,0099,xx01,US,1,Gate count,mine.pdf p. 3; other.pdf p. 4
ACME,0099,xx02,UN,1,Gate curve,
ACME,0099,xx03,SS,2,From here,mine.pdf p. 3
"""


@pytest.fixture
def dictionary(tmp_path):
    path = tmp_path / "acme.csv"
    path.write_text(TABLE)
    return open_layers([path], {})


def compared(dictionary, offset, vr, vm="1", creator="ACME"):
    return compare(dictionary, (creator, 0x99, offset), vr, vm, {"mine.pdf"})


@pytest.mark.parametrize(
    ("offset", "vr", "creator", "standing"),
    [
        (0x01, "US", "ACME", Standing.AGREEING),
        (0x01, "US", "acme ", Standing.AGREEING),
        (0x01, "SS", "ACME", Standing.DISAGREEING),
        (0x01, None, "ACME", Standing.SILENT),
        (0x02, "FL", "ACME", Standing.COMPLETING),
        (0x04, "FL", "ACME", Standing.NEW),
        (0x01, "US", "OTHER", Standing.NEW),
        (0x01, "US", None, Standing.UNOWNED),
    ],
)
def test_how_an_element_stands_to_the_dictionary(dictionary, offset, vr, creator, standing):
    assert compared(dictionary, offset, vr, creator=creator).standing is standing


def test_a_document_does_not_confirm_itself(dictionary):
    assert compared(dictionary, 0x03, "SS").standing is Standing.NEW
    other = compare(dictionary, ("ACME", 0x99, 0x03), "SS", "2", {"other.pdf"})
    assert other.standing is Standing.AGREEING


def test_differences_name_both_sides_and_who_says_so(dictionary):
    comparison = compared(dictionary, 0x01, "SS", "2")
    assert comparison.differences == ("VR SS here, US (acme) there", "VM 2 here, 1 there")
    assert comparison.as_dict()["dictionary"]["sources"] == [{"id": "acme", "stated": "US"}]


def test_an_element_of_which_the_built_in_dictionary_leaves_a_choice():
    """Philips changed the VR of (2005,xx37) with a release: LO or PN."""
    dictionary = open_layers([], {})
    key = ("Philips MR Imaging DD 002", 0x2005, 0x37)
    for vr, standing in (("PN", Standing.AGREEING), ("LO", Standing.AGREEING),
                         ("FD", Standing.DISAGREEING)):  # fmt: skip
        assert compare(dictionary, key, vr, None, set()).standing is standing
