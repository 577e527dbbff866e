"""What looks like private elements and is none: nothing comes out, at most a reject."""

import pytest

H = "B.1 Private Creator Identification (GEMS_IDEN_01)"
PUBLIC = [
    ("Attribute Name", "Tag", "VR", "VM"),
    ("Patient ID", "(0010,0020)", "LO", "1"),
    ("Kernel", "(0018,1210)", "SH", "1"),
    ("KVP", "(0018,0060)", "DS", "1"),
]
UIDS = [
    "CT Image Storage 1.2.840.10008.5.1.4.1.1.2",
    "Implicit VR Little Endian 1.2.840.10008.1.2",
    "Implementation Class UID 1.2.840.113619.6.283",
    "1.2.840,113619 and ISO 2022 IR 100",
]
DATES = [
    "Revised 2005,1103 pages and 1999,2001 or 20051103",
    "Date 2013-1107, code 0019 1122 and parts 0035 1001",
    "12,345 and 1011,1213 units",
]
CALLS = [
    "Austria 0043 1234",
    "Sweden 0047 4321",
    "Norway 0049 1111",
    "Switzerland 0041 2222",
    "tel. +49 9131 84-0",
]
SENTENCES = [
    "For example, (0019,1001) may be sent. The element (0019,1002) of VR DS is not used.",
    "If (0019,xx10) is present the value of (0019,xx11) shall be ignored, see (0009,1001).",
    "(0019,1003) is no longer sent by this release.",
    "The private tags (gggg,00ee) and (gggg,eeee), with gggg odd, are removed.",
    "Private elements such as (0029,1010) are left.",
]


@pytest.mark.parametrize("lines", [UIDS, CALLS], ids=["UIDs", "telephones"])
def test_numbers_in_text(statement, lines):
    assert statement().heading(H).text(*lines).everything() == ([], [])


def test_dates_and_thousands(statement):
    assert statement().heading(H).text(*DATES).elements() == []


def test_sentences_about_elements_are_rejected(statement):
    elements, rejects = statement().heading(H).text(*SENTENCES).everything()
    assert elements == []
    assert {line for line in SENTENCES if "gggg" not in line} == {r.text for r in rejects}


@pytest.mark.parametrize("ruled", [True, False])
@pytest.mark.parametrize(
    "rows",
    [
        PUBLIC,
        [("Country", "Phone"), ("Germany", "0049 9131"), ("Austria", "0043 1234")],
        [("Revision", "Date"), ("1", "20051103"), ("2", "20070405"), ("3", "20091111")],
        [("Year", "Units", "Note"), ("2001", "1005", "up"), ("2005", "1234", "down")],
        [("Status", "Code", "Meaning"), ("Refused", "A700", "No room"), ("Error", "C001", "")],
        [("Offset", "Bytes"), ("0x0019", "0x20412000"), ("0x0029", "0x00290010")],
        [("Part", "Number"), ("Coil", "0019-1234"), ("Cable", "2005-1234"), ("Fan", "0043-1001")],
    ],
    ids=["public", "telephones", "dates", "years", "statuses", "addresses", "parts"],
)
def test_tables_of_other_things(statement, rows, ruled):
    elements, _ = statement().heading("B.2 Private Data").table(rows, ruled=ruled).everything()
    assert elements == []


def test_an_example_in_a_description_is_no_row(statement):
    rows = [("Attribute Name", "Tag", "VR", "Description")]
    rows += [("Gain", "(0019,1001)", "DS", "Replaces (0019,1077)")]
    rows += [("Mode", "(0019,1002)", "CS", "See (0021,1078) and (0021,1079)")]
    for ruled in (True, False):
        found = statement().heading(H).table(rows, ruled=ruled).elements()
        assert [(e.group, e.offset) for e in found] == [(0x0019, 1), (0x0019, 2)]


def test_creators_alone_are_no_elements(statement):
    rows = [("Private Creator", "Tag"), ("SIEMENS MR HEADER", "(0019,0010)")]
    assert statement().table(rows).everything() == ([], [])
