"""Whose the elements of a statement are, where its creator stands in an uncommon place."""

import pytest
from reportlab.lib import colors
from reportlab.platypus import Table

from atlas_scraper.doubts import Doubt

TITLES = ("Attribute Name", "Tag", "VR", "VM", "Description")
ROW = ("Gain", "(0065,xx01)", "DS", "1", "")


@pytest.mark.parametrize("creator", ["Helix Imaging Ltd: recon", "Image Private Header"])
def test_a_creator_row_names_it_in_plain_words(statement, creator):
    declared = ("Private Creator", "(0065,00xx)", "LO", "1", creator)
    found = statement().table([TITLES, declared, ROW]).elements()
    assert [element.creator for element in found] == [creator]
    assert Doubt.CREATOR_PLAIN in found[0].doubts


@pytest.mark.parametrize("remark", ["Identifies the block", "Always sent", ""])
def test_a_remark_beside_the_title_names_none(statement, remark):
    declared = ("Private Creator", "(0065,00xx)", "LO", "1", remark)
    found = statement().table([TITLES, declared, ROW]).elements()
    assert [element.creator for element in found] == [None]


def test_the_note_of_each_element_names_it(statement):
    rows = [
        ("Gain", "(0065,xx01)", "DS", "1", "Private creator: KRONOS_ACQ_V2"),
        ("Mode", "(0065,xx02)", "CS", "1", "Private creator: Helix Imaging"),
    ]
    found = statement().table([TITLES, *rows]).elements()
    assert [element.creator for element in found] == ["KRONOS_ACQ_V2", "Helix Imaging"]
    assert all(Doubt.CREATOR_IN_NOTE in element.doubts for element in found)


def test_a_narrow_cell_breaks_it(statement):
    rows = [("Tag", "Private Creator", "Name", "VR")]
    rows += [(f"(0065,xx{i:02x})", "KRONOS_AC\nQ_V2", "Gain", "DS") for i in range(2)]
    found = statement().table(rows).elements()
    assert {element.creator for element in found} == {"KRONOS_ACQ_V2"}
    assert all(Doubt.CREATOR_BROKEN in element.doubts for element in found)


@pytest.mark.parametrize(
    ("creator", "vm"),
    [("Privater Ersteller", "MV"), ("Creatore privato", "Value Multipl.")],
)
def test_titles_in_other_words(statement, creator, vm):
    rows = [("Tag", creator, "Name", "VR", vm)]
    rows += [("(0065,xx01)", "KRONOS_ACQ_V2", "Gain", "DS", "1-n")]
    found = statement().table(rows).elements()
    assert [(e.creator, e.vm) for e in found] == [("KRONOS_ACQ_V2", "1-n")]


@pytest.mark.parametrize("caption", ["Private Creator: {}", "Table {n}: Private data, owner: {}"])
def test_captions_of_tables_side_by_side(statement, caption):
    grid = [("GRID", (0, 0), (-1, -1), 0.5, colors.black), ("FONTSIZE", (0, 0), (-1, -1), 7)]
    tables = [
        Table([("Tag", "Name", "VR"), (f"(0065,xx{i:02x})", "Gain", "DS")], style=grid)
        for i in (1, 2)
    ]
    names = [caption.format(c, n=n) for n, c in enumerate(("KRONOS_ACQ_V2", "HELIX_RECON_01"), 1)]
    made = statement()
    made.story.append(
        Table([names, tables], colWidths=[250, 250], style=[("ALIGN", (0, 0), (-1, -1), "LEFT")])
    )
    found = sorted((element.offset, element.creator) for element in made.elements())
    assert found == [(1, "KRONOS_ACQ_V2"), (2, "HELIX_RECON_01")]


@pytest.mark.parametrize("ruled", [True, False])
def test_a_group_and_its_creator_in_a_row_across_the_table(statement, ruled):
    rows = [("Tag", "Name", "VR"), ("Group 0019: SIEMENS MR HEADER", "", "")]
    rows += [("(0019,xx08)", "Gain", "DS"), ("Group 0029: KRONOS_ACQ_V2", "", "")]
    rows += [("(0029,xx08)", "Mode", "CS"), ("(0029,xx09)", "Flag", "CS")]
    spans = [("SPAN", (0, row), (-1, row)) for row in (1, 3)]
    found = statement().table(rows, [90, 160, 40], spans, ruled=ruled).elements()
    assert [(e.group, e.offset, e.creator) for e in found] == [
        (0x0019, 8, "SIEMENS MR HEADER"),
        (0x0029, 8, "KRONOS_ACQ_V2"),
        (0x0029, 9, "KRONOS_ACQ_V2"),
    ]


def test_the_group_of_a_heading_with_an_h(statement):
    rows = [("Element", "Name", "VR"), ("xx08", "Gain", "DS"), ("xx09", "Mode", "CS")]
    found = statement().heading("7.2 Group 7005h").table(rows).elements()
    assert [(e.group, e.offset) for e in found] == [(0x7005, 8), (0x7005, 9)]
