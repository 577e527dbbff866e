"""Each layout in a statement made for it, with the variation met in the field."""

from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Spacer

from atlas_scraper import Reject, scrape
from atlas_scraper.doubts import Doubt
from atlas_scraper.representation import VRS

ROWS = [
    ("Series contrast", "(0019,1011)", "SS", "1"),
    ("First scan ras", "(0019,1018)", "LO", "1"),
    ("Decon kernel", "(0019,10E3)", "DS", "1-n"),
]
TITLES = ("Attribute Name", "Tag", "VR", "VM")
CREATOR = "GEMS_ACQU_01"
DECLARED = f"Private Creator Identification ({CREATOR})"
HEADING = f"B.1.3 Private Creator Identification ({CREATOR})"


def facts(elements):
    return [(e.group, e.offset, e.creator, e.vr, e.vm, e.name) for e in elements]


WANTED = [
    (0x0019, 0x11, CREATOR, "SS", "1", "Series contrast"),
    (0x0019, 0x18, CREATOR, "LO", "1", "First scan ras"),
    (0x0019, 0xE3, CREATOR, "DS", "1-n", "Decon kernel"),
]


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
@pytest.mark.parametrize("ruled", [True, False])
def test_a_tag_column_in_any_order(statement, order, ruled):
    rows = [[row[i] for i in order] for row in (TITLES, *ROWS)]
    widths = [(120, 90, 40, 40)[i] for i in order]
    made = statement().heading(HEADING).table(rows, widths, ruled=ruled)
    assert facts(made.elements()) == WANTED


@pytest.mark.parametrize("font", ["Times-Roman", "Courier", "Helvetica-Oblique"])
@pytest.mark.parametrize("size", [6, 11])
@pytest.mark.parametrize("ruled", [True, False])
def test_fonts_and_sizes(statement, font, size, ruled):
    made = statement(font=font, size=size).heading(HEADING)
    made.table([TITLES, *ROWS], [170, 120, 50, 50], ruled=ruled)
    assert facts(made.elements()) == WANTED


def test_where_a_row_stands(statement):
    made = statement().text("Introduction").page_break().heading(HEADING).table([TITLES, *ROWS])
    first = made.elements()[0]
    assert (first.place.source, first.place.page, first.place.table) == (made.path.name, 2, 1)
    left, top, right, bottom = first.place.box
    assert 0 < left < right < 595
    assert 0 < top < bottom < 842


def test_open_blocks(statement):
    rows = [(n, t.replace(",10", ",xx"), vr, vm) for n, t, vr, vm in ROWS]
    assert facts(statement().heading(HEADING).table([TITLES, *rows]).elements()) == WANTED


def test_group_and_element_in_columns_of_their_own(statement):
    rows = [("Group", "Element", "VR", "VM", "Definition")]
    rows += [("0019", tag[6:10], vr, vm, name) for name, tag, vr, vm in ROWS]
    assert facts(statement().heading(HEADING).table(rows).elements()) == WANTED


def test_one_group_cell_for_several_rows(statement):
    rows = [
        ("Group", "Element", "Name", "VR", "VM"),
        ("0019", "xx11", "Series contrast", "SS", "1"),
    ]
    rows += [("", "xx18", "First scan ras", "LO", "1"), ("", "xxE3", "Decon kernel", "DS", "1-n")]
    made = statement().heading(HEADING).table(rows, style=[("SPAN", (0, 1), (0, 3))])
    found = made.elements()
    assert facts(found) == WANTED
    assert Doubt.GROUP_ABOVE in found[1].doubts


def test_lines_of_text_under_a_heading_line(statement):
    lines = [
        [(0, ";Grp"), (36, "Elm"), (72, "VR"), (108, "VM"), (144, "Type"), (180, "Definition")]
    ]
    lines += [[(0, "0019"), (36, "00xx"), (72, "LO"), (108, "S"), (144, "3"), (180, DECLARED)]]
    lines += [
        [(0, "0019"), (36, "xx" + tag[8:10]), (72, vr), (108, vm), (144, "3"), (180, name)]
        for name, tag, vr, vm in ROWS
    ]
    found = statement().text(*lines).elements()
    assert facts(found) == WANTED
    assert all(Doubt.TEXT_LINE in e.doubts for e in found)


def test_a_text_table_goes_on_on_the_next_page(statement):
    def lines(first, last):
        return [
            [(0, f"(0019,10{i:02X})"), (90, "US"), (130, f"Value {i}")] for i in range(first, last)
        ]

    made = statement().heading(HEADING)
    made.text([(0, "Tag"), (90, "VR"), (130, "Name")], *lines(0, 20)).page_break()
    made.text(*lines(20, 40))
    found = made.elements()
    assert [e.offset for e in found] == list(range(40))
    assert {e.vr for e in found} == {"US"}
    assert {e.creator for e in found} == {CREATOR}


@pytest.mark.parametrize("repeat", [0, 1])
def test_a_ruled_table_goes_on_on_the_next_page(statement, repeat):
    rows = [(f"Value {i}", f"(0019,10{i:02X})", "US", "1") for i in range(120)]
    found = statement().heading(HEADING).table([TITLES, *rows], repeat=repeat).elements()
    assert [e.offset for e in found] == list(range(120))
    assert {(e.vr, e.vm, e.creator) for e in found} == {("US", "1", CREATOR)}
    assert found[-1].place.page > 1


def test_cells_of_several_lines(statement):
    rows = [TITLES, ("Horizontal frame\nof reference", "(0019,\n100F)", "DS", "1"), ROWS[0]]
    found = statement().heading(HEADING).table(rows).elements()
    assert found[0].name == "Horizontal frame of reference"
    assert [e.offset for e in found] == [0x0F, 0x11]


def test_the_second_line_of_a_name_without_ruling(statement):
    lines = [[(0, "Attribute Name"), (150, "Tag"), (250, "VR"), (300, "VM")]]
    lines += [[(0, "Horizontal frame"), (150, "(0019,100F)"), (250, "DS"), (300, "1")]]
    lines += [[(0, "of reference")]]
    found = statement().heading(HEADING).text(*lines).text("A sentence after the table.").elements()
    assert [e.name for e in found] == ["Horizontal frame of reference"]


def test_vr_and_vm_in_a_note(statement):
    rows = [("Attribute Name", "Tag", "Note"), ("PC Velocity", "2001,101A", "VR = FL, VM = 1-n")]
    rows += [(">Stack Type", "2001,1036", "VR = CS, VM = 1")]
    assert facts(statement().table(rows).elements()) == [
        (0x2001, 0x1A, None, "FL", "1-n", "PC Velocity"),
        (0x2001, 0x36, None, "CS", "1", "Stack Type"),
    ]


def test_a_frame_around_all_rows_is_read_as_lines(statement):
    box = [("BOX", (0, 0), (-1, -1), 1, "black"), ("LINEAFTER", (0, 0), (-2, -1), 1, "black")]
    made = statement().heading(HEADING).table([TITLES, *ROWS], [120, 90, 40, 40], box, ruled=False)
    assert facts(made.elements()) == WANTED


def test_a_table_without_a_heading(statement):
    found = statement().heading(HEADING).table(ROWS).elements()
    assert facts(found) == WANTED
    assert all(Doubt.NO_HEADING in e.doubts for e in found)


def test_a_heading_over_two_tables_side_by_side(statement):
    """Two unruled tables in one line cannot be told apart: rejected, not invented."""
    made = statement().text("(0019,1001) US 1 Gain (0019,1002) SS 1 Mode")
    elements, rejects = made.everything()
    assert elements == []
    assert [r.reason for r in rejects] == ["several tags in one line"]


# Creators


def test_a_creator_column(statement):
    rows = [("Tag", "Private Creator", "Name", "VR", "VM")]
    rows += [("(0019,xx0A)", "SIEMENS MR HEADER", "Mosaic Images", "US", "1")]
    rows += [("(0029,xx10)", "SIEMENS CSA HEADER", "Header Info", "OB", "1")]
    assert [e.creator for e in statement().table(rows).elements()] == [
        "SIEMENS MR HEADER",
        "SIEMENS CSA HEADER",
    ]


def test_a_creator_in_the_tag(statement):
    rows = [("Name", "Tag", "VR"), ("Header Info", "(0029, SIEMENS CSA HEADER, 10)", "OB")]
    assert facts(statement().table(rows).elements()) == [
        (0x0029, 0x10, "SIEMENS CSA HEADER", "OB", None, "Header Info")
    ]


def test_creator_rows_with_blocks_of_their_own(statement):
    rows = [("Name", "Tag", "VR", "Value")]
    rows += [("Private Creator", "(0019,0010)", "LO", "FIRST_01")]
    rows += [("Private Creator", "(0019,0011)", "LO", "SECOND_01")]
    rows += [("Gain", "(0019,1102)", "DS", ""), ("Mode", "(0019,1002)", "SS", "")]
    found = statement().table(rows).elements()
    assert [(e.offset, e.creator, e.name) for e in found] == [
        (2, "SECOND_01", "Gain"),
        (2, "FIRST_01", "Mode"),
    ]


def test_a_creator_row_without_a_creator_names_none(statement):
    rows = [("Attribute Name", "Tag", "Note")]
    rows += [("Private Creator Group 2001", "2001,0010", "VR = LO, VM = 1")]
    rows += [("Chemical Shift", "2001,1001", "VR = FL, VM = 1")]
    (found,) = statement().table(rows).elements()
    assert found.creator is None
    assert Doubt.NO_CREATOR in found.doubts


@pytest.mark.parametrize("value", ["Zero length", "Set by the device", "Always present", "", "-"])
def test_a_remark_in_a_creator_row_is_no_creator(statement, value):
    rows = [("Name", "Tag", "VR", "Value"), ("Private Creator", "(0019,0010)", "LO", value)]
    rows += [("Gain", "(0019,1002)", "DS", "")]
    (found,) = statement().table(rows).elements()
    assert found.creator is None


def test_the_older_notation_without_a_block(statement):
    rows = [("Description", "Type", "Tag", "Value")]
    rows += [("Private Creator Identification", "P", "0019,0010", CREATOR)]
    rows += [("Dfov Rect", "P", "0019,001E", "Zero Length")]
    (found,) = statement().table(rows).elements()
    assert (found.offset, found.creator, found.vr) == (0x1E, CREATOR, None)
    assert Doubt.NO_BLOCK in found.doubts


def test_a_section_that_names_no_creator_ends_the_one_before(statement):
    made = statement().heading(HEADING).table([TITLES, ROWS[0]])
    made.heading("B.2 Other Private Elements").table([TITLES, ROWS[1]])
    assert [e.creator for e in made.elements()] == [CREATOR, None]


def test_a_heading_on_a_page_without_elements(statement):
    made = statement().text("Some text.").heading(HEADING).page_break().table([TITLES, *ROWS])
    assert facts(made.elements()) == WANTED


def test_a_contents_line_names_nothing(statement):
    made = statement().text(f"{HEADING} ............ 12").page_break().table([TITLES, ROWS[0]])
    assert [e.creator for e in made.elements()] == [None]


def test_running_text_that_names_one_element(statement):
    (found,) = statement().text(f"Series contrast (0019,xx11) {CREATOR}").elements()
    assert facts([found]) == [(0x0019, 0x11, CREATOR, None, None, "Series contrast")]


# What must not come out


def test_a_tag_in_a_sentence_is_rejected(statement):
    made = statement().heading(HEADING).table([TITLES, *ROWS], [120, 90, 40, 40], ruled=False)
    made.text("The private element (0009,xx01) is used as the full fidelity flag. If this flag")
    elements, rejects = made.everything()
    assert facts(elements) == WANTED
    assert len(rejects) == 1
    assert "full fidelity" in rejects[0].text
    assert rejects[0].page == 1


def test_public_elements_do_not_come_out(statement):
    rows = [TITLES, ("Patient ID", "(0010,0020)", "LO", "1"), ("Kernel", "(0018,1210)", "SH", "1")]
    assert statement().table(rows).everything() == ([], [])


def test_no_vr_in_the_document_means_none(statement):
    rows = [("Name", "Tag", "VR"), ("Gain", "(0019,1001)", ""), ("Mode", "(0019,1002)", "US or SS")]
    first, second = statement().heading(HEADING).table(rows).elements()
    assert (first.vr, second.vr) == (None, None)
    assert Doubt.NO_VR in first.doubts
    assert "US or SS" in second.as_dict()["reasons"][-1]
    assert second.confidence < first.confidence


def test_an_element_number_in_no_block_is_rejected(statement):
    elements, rejects = statement().table([TITLES, ("Gain", "(0019,0A12)", "DS", "1")]).everything()
    assert elements == []
    assert "outside the blocks" in rejects[0].reason


def test_a_tag_cell_that_cannot_be_read_is_rejected(statement):
    rows = [TITLES, ("Gain", "(0019,1001) to", "DS", "1"), ROWS[0]]
    elements, rejects = statement().heading(HEADING).table(rows).everything()
    assert facts(elements) == WANTED[:1]
    assert "Gain" in rejects[0].text


def test_a_table_that_contradicts_itself_is_doubted(statement):
    rows = [("Tag", "Attribute Name")]
    rows += [("(2001,1101)", "Echoes"), ("(2001,1101)", "Phases"), ("(2001,1101)", "Slices")]
    rows += [("(2001,1106)", "Stacks"), ("(2001,1106)", "Source"), ("(2001,1107)", "Number")]
    found = statement().table(rows).elements()
    assert all(e.confidence < 0.3 for e in found)
    assert Doubt.OTHER_NAME not in found[-1].doubts
    assert Doubt.CONTRADICTORY_TABLE in found[-1].doubts


def test_rotated_text_in_the_margin_is_not_read(statement):
    made = statement(margin_text="Private Creator: WRONG_01 (0019,1077) US 1 Wrong")
    made.heading(HEADING).table([TITLES, *ROWS], [120, 90, 40, 40], ruled=False)
    assert facts(made.elements()) == WANTED


def test_a_title_centred_over_its_column(statement):
    lines = [[(0, "Attribute Name"), (170, "Tag"), (250, "VR")]]
    lines += [[(0, n), (150, t), (250, vr)] for n, t, vr, _ in ROWS]
    found = statement().heading(HEADING).text(*lines).elements()
    assert [(e.offset, e.vr, e.name) for e in found] == [(w[1], w[3], w[5]) for w in WANTED]


def test_a_creator_below_the_tag_in_its_cell(statement):
    rows = [("Name", "Tag", "VR"), ("Mosaic Images", "(0019,xx0A)\nSIEMENS MR HEADER", "US")]
    (found,) = statement().table(rows).elements()
    assert (found.offset, found.creator) == (0x0A, "SIEMENS MR HEADER")


def test_a_creator_that_ends_in_a_full_stop(statement):
    rows = [("Name", "Tag", "VR", "Value"), ("Private Creator", "(0019,0010)", "LO", "TEST, Inc.")]
    rows += [("Gain", "(0019,1002)", "DS", "")]
    (found,) = statement().table(rows).elements()
    assert found.creator == "TEST, Inc."


def test_vrs_under_a_title_that_does_not_say_so(statement):
    rows = [("Attribute Name", "Tag", "Type")] + [row[:3] for row in ROWS]
    found = statement().heading(HEADING).table(rows).elements()
    assert [e.vr for e in found] == ["SS", "LO", "DS"]


def test_types_are_no_multiplicities(statement):
    rows = [("Attribute Name", "Tag", "Type", "VR")]
    rows += [(n, t, "3", vr) for n, t, vr, _ in ROWS]
    found = statement().heading(HEADING).table(rows).elements()
    assert [(e.vr, e.vm) for e in found] == [("SS", None), ("LO", None), ("DS", None)]


@pytest.mark.parametrize(("angle", "left", "top"), [(90, 50, -200), (270, -700, 100)])
def test_a_page_whose_text_runs_sideways_is_turned(tmp_path, angle, left, top):
    canvas = Canvas(str(tmp_path / "turned.pdf"))
    canvas.rotate(angle)
    canvas.drawString(left, top, "Gain (0019,1001) US 1")
    canvas.save()
    (found,) = scrape(tmp_path / "turned.pdf")
    assert facts([found]) == [(0x0019, 0x01, None, "US", None, "Gain")]
    # Its place is that of the page as it stands in the file.
    x0, y0, x1, y1 = found.place.box
    assert x1 - x0 < 15 < 80 < y1 - y0
    word = 200 if angle == 90 else 100
    assert x0 - 5 < word < x1 + 5


def test_a_page_whose_letters_run_askew_is_rejected(tmp_path):
    canvas = Canvas(str(tmp_path / "askew.pdf"))
    canvas.rotate(45)
    canvas.drawString(300, 0, "Gain (0019,1001) US 1")
    canvas.save()
    (reject,) = scrape(tmp_path / "askew.pdf")
    assert isinstance(reject, Reject)
    assert "upright" in reject.reason


NAMES = st.text(alphabet="ABCDEabcde ", min_size=1, max_size=24).filter(lambda s: s.strip())
VMS = st.sampled_from(["1", "2", "1-n", "3-3n", "16"])


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 255), st.sampled_from(sorted(VRS)), VMS, NAMES),
        min_size=1,
        max_size=60,
        unique_by=lambda row: row[0],
    ),
    order=st.permutations(range(4)),
    ruled=st.booleans(),
    group=st.sampled_from([0x0009, 0x0019, 0x2005, 0x7FE1]),
)
def test_what_is_written_is_found(statement, rows, order, ruled, group):
    cells = [(n, f"({group:04X},10{e:02X})", vr, vm) for e, vr, vm, n in rows]
    widths = [(160, 90, 40, 40)[i] for i in order]
    table = [[row[i] for i in order] for row in (TITLES, *cells)]
    found = statement().heading(HEADING).table(table, widths, ruled=ruled).elements()
    wanted = [(group, e, CREATOR, vr, vm, " ".join(n.split())) for e, vr, vm, n in rows]
    assert facts(found) == wanted


# Layouts that a list of elements and a layout cannot make

GEMS = "GEMS_IDEN_01"
ABOVE = f"B.1 Private Creator Identification ({GEMS})"


def keys(elements):
    return [(e.group, e.offset, e.creator, e.vr, e.vm) for e in elements]


@pytest.mark.parametrize("ruled", [True, False])
def test_a_heading_of_two_rows(statement, ruled):
    rows = [("Tag", "", "Attribute", "VR", "VM"), ("Group", "Element", "Name", "", "")]
    rows += [("0019", f"10{i:02X}", "Gain factor", "DS", "1") for i in range(4)]
    spans = [("SPAN", (0, 0), (1, 0)), ("SPAN", (3, 0), (3, 1)), ("SPAN", (4, 0), (4, 1))]
    made = statement().heading(ABOVE).table(rows, [60, 60, 90, 40, 40], spans, ruled=ruled)
    assert keys(made.elements()) == [(0x0019, i, GEMS, "DS", "1") for i in range(4)]


def test_a_group_that_the_heading_gives(statement):
    rows = [("Element", "Name", "VR", "VM"), ("xx0A", "Gain", "DS", "1"), ("0B", "Mode", "CS", "1")]
    found = statement().heading(f"B.1 Private Group 0019 ({GEMS})").table(rows).elements()
    assert keys(found) == [(0x0019, 0x0A, GEMS, "DS", "1"), (0x0019, 0x0B, GEMS, "CS", "1")]
    assert all(Doubt.GROUP_FROM_HEADING in e.doubts for e in found)


def test_vrs_by_name(statement):
    rows = [("Attribute Name", "Tag", "Value Representation", "VM")]
    rows += [
        ("A", "(0019,1001)", "Long String", "1"),
        ("B", "(0019,1002)", "US (Unsigned Short)", "1"),
    ]
    rows += [("C", "(0019,1003)", "DS - Decimal String", "1-n"), ("D", "(0019,1004)", "SQ*", "1")]
    assert [e.vr for e in statement().table(rows).elements()] == ["LO", "US", "DS", "SQ"]


def test_vr_and_vm_in_notes_of_many_forms(statement):
    notes = [
        "VR: FL, VM: 1",
        "VR=CS; VM=1-n. Text",
        "VR/VM: IS/1",
        "VR FL VM 2",
        "(VR = DS, VM = 3)",
    ]
    rows = [("Attribute Name", "Tag", "Note")]
    rows += [("Private Creator", "2001,0010", "VR = LO, VM = 1. Value: Philips Imaging DD 001")]
    rows += [("Name", f"2001,100{i}", note) for i, note in enumerate(notes)]
    found = statement().table(rows).elements()
    assert [(e.vr, e.vm) for e in found] == [
        ("FL", "1"),
        ("CS", "1-n"),
        ("IS", "1"),
        ("FL", "2"),
        ("DS", "3"),
    ]
    assert {e.creator for e in found} == {"Philips Imaging DD 001"}


def test_a_creator_holds_for_the_empty_cells_below_it(statement):
    rows = [
        ("Tag", "Private Creator", "Name", "VR"),
        ("(0019,xx01)", "SIEMENS MR HEADER", "A", "US"),
    ]
    rows += [("(0019,xx02)", "", "B", "US"), ("(0029,xx03)", "SIEMENS CSA HEADER", "C", "OB")]
    found = statement().table(rows).elements()
    assert [e.creator for e in found] == [
        "SIEMENS MR HEADER",
        "SIEMENS MR HEADER",
        "SIEMENS CSA HEADER",
    ]
    assert Doubt.CREATOR_ABOVE in found[1].doubts


def test_letters_tie_a_block_to_its_creator(statement):
    """PS3.2 N.9.6.3 writes (0039,00yy) and (0039,yy01)."""
    rows = [("Attribute Name", "Tag", "VR", "Value")]
    rows += [("Private Creator", "(0039,00xx)", "LO", "MAKER_ONE")]
    rows += [("Private Creator", "(0039,00yy)", "LO", "MAKER_TWO")]
    rows += [("A", "(0039,xx01)", "US", ""), ("B", "(0039,yy01)", "CS", "")]
    assert [e.creator for e in statement().table(rows).elements()] == ["MAKER_ONE", "MAKER_TWO"]


def test_creators_that_a_table_of_their_own_lists(statement):
    made = (
        statement()
        .heading("A.1 Private creators")
        .table(
            [("Private Creator", "Tag"), ("MAKER_ONE", "(0019,0010)"), ("MAKER_TWO", "(0019,0011)")]
        )
    )
    made.heading("A.2 MR Image").table([TITLES, ("A", "(0019,1108)", "CS", "1")])
    (found,) = made.elements()
    assert found.creator == "MAKER_TWO"
    assert Doubt.CREATOR_FROM_OTHER_SECTION in found.doubts


@pytest.mark.parametrize(
    "line",
    [
        "(0019,0010) Private Creator: SIEMENS MR HEADER",
        "The private creator (0019,0010) has the value SIEMENS MR HEADER.",
        "All elements of this section use the private creator “SIEMENS MR HEADER”.",
        "SIEMENS MR HEADER",
    ],
)
def test_a_creator_in_a_line_above_the_table(statement, line):
    made = statement().heading("7.1 Private data").text(line)
    (found,) = made.table([TITLES, ("A", "(0019,1008)", "CS", "1")]).elements()
    assert found.creator == "SIEMENS MR HEADER"


def test_a_heading_of_two_lines(statement):
    made = statement().heading("8.3 Private Creator Identification")
    made.story.pop()
    made.story.append(statement().heading("(GEMS_IDEN_01)").story[1])
    (found,) = made.table([TITLES, ("A", "(0009,1008)", "CS", "1")]).elements()
    assert found.creator == GEMS


@pytest.mark.parametrize("ruled", [True, False])
def test_a_name_and_its_tag_in_one_cell(statement, ruled):
    rows = [("Attribute", "VR", "VM"), ("Gain factor (0019,1001)", "DS", "1")]
    rows += [("Mode (0019,1002)", "CS", "1"), ("Scan (0019,1003)", "IS", "1")]
    found = statement().heading(ABOVE).table(rows, [150, 40, 40], ruled=ruled).elements()
    assert [(e.offset, e.vr) for e in found] == [(1, "DS"), (2, "CS"), (3, "IS")]
    assert [e.name for e in found] == ["Gain factor", "Mode", "Scan"]


def test_letters_in_the_place_of_digits(statement):
    rows = [TITLES, ("Gain", "(O019,1OO1)", "DS", "1"), ("Mode", "(00l9,1002)", "CS", "1")]
    found = statement().heading(ABOVE).table(rows).elements()
    assert [(e.group, e.offset) for e in found] == [(0x0019, 1), (0x0019, 2)]
    assert all(Doubt.REPAIRED_TAG in e.doubts for e in found)


def test_titles_at_the_foot_of_a_page(statement):
    made = statement().heading(ABOVE).text([(0, "Tag"), (90, "VR"), (130, "Name")]).page_break()
    (found,) = made.text([(0, "(0019,1001)"), (90, "US"), (130, "Value x")]).elements()
    assert (found.vr, found.name, found.creator) == ("US", "Value x", GEMS)


def test_titles_in_unknown_words(statement):
    """The cells show which column holds the tags, and which the VRs."""
    rows = [("Parameter", "Kennzahl", "Art"), ("Gain", "(0019,1001)", "US")]
    rows += [("Mode", "(0019,1002)", "OB"), ("Scan", "(0019,1003)", "CS")]
    found = statement().heading(ABOVE).table(rows).elements()
    assert [(e.offset, e.vr, e.name) for e in found] == [
        (1, "US", "Gain"),
        (2, "OB", "Mode"),
        (3, "CS", "Scan"),
    ]


def test_captions_below_their_tables(statement):
    made = statement().heading("7.1 Private data")
    for number, creator in enumerate(("SIEMENS MR HEADER", "SIEMENS CSA HEADER"), 1):
        made.table([TITLES, ("A", f"(0019,100{number})", "CS", "1")])
        made.text(f"Table 7-{number}: Private Attributes of {creator}")
        made.story.append(Spacer(1, 40))
    assert [e.creator for e in made.elements()] == ["SIEMENS MR HEADER", "SIEMENS CSA HEADER"]


def test_a_page_whose_text_stands_upside_down_is_turned(tmp_path):
    canvas = Canvas(str(tmp_path / "turned.pdf"))
    canvas.translate(500, 200)
    canvas.rotate(180)
    canvas.drawString(0, 0, "Gain (0019,1001) US 1")
    canvas.save()
    (found,) = scrape(tmp_path / "turned.pdf")
    assert facts([found]) == [(0x0019, 0x01, None, "US", None, "Gain")]
    x0, y0, x1, y1 = found.place.box
    # 200 points from the foot of an A4 page, and to the left of 500.
    assert 350 < x0 < x1 < 505
    assert 630 < y0 < y1 < 655


def test_a_tag_that_a_narrow_column_divides(statement):
    lefts = (0, 120, 170, 200)
    lines = [list(zip(lefts, ("Attribute Name", "Tag", "VR", "VM"), strict=True))]
    for number in range(4):
        lines.append(list(zip(lefts, (f"Gain {number}", "(0019,", "US", "1"), strict=True)))
        lines.append([(120, f"xx0{number})")])
    found = statement().heading(HEADING).text(*lines).elements()
    assert [(e.offset, e.name, e.vr, e.vm) for e in found] == [
        (n, f"Gain {n}", "US", "1") for n in range(4)
    ]


def test_the_last_row_goes_on_beside_a_remark_that_names_a_tag(statement):
    lefts = (0, 120, 200, 230)
    lines = [list(zip(lefts, ("Attribute Name", "Tag", "VR", "Description"), strict=True))]
    for number in range(3):
        cells = ("Gain of the", f"(0019,xx0{number})", "US", "for images, see also")
        lines.append(list(zip(lefts, cells, strict=True)))
        lines.append([(0, f"amplifier {number}"), (230, "(0018,1030).")])
    found = statement().heading(HEADING).text(*lines).elements()
    assert [e.name for e in found] == [f"Gain of the amplifier {n}" for n in range(3)]


def test_one_small_table_for_each_element(statement):
    made = statement().heading("4.4 Private attributes")
    for number in range(2):
        made.table(
            [
                ("Attribute name", f"Gain {number}"),
                ("Tag", f"(0019,xx0{number})"),
                ("Private creator", "ACME_GAIN_01"),
                ("VR", "US"),
                ("VM", "1-n"),
            ]
        )
    assert facts(made.elements()) == [
        (0x0019, n, "ACME_GAIN_01", "US", "1-n", f"Gain {n}") for n in range(2)
    ]


def test_the_name_above_the_tag_in_one_cell(statement):
    rows = [("Attribute", "VR", "VM", "Comment")]
    rows += [(f"Gain {n}\n(0019,xx0{n})", "US", "1", "for all images") for n in range(3)]
    found = statement().heading(HEADING).table(rows).elements()
    assert [(e.offset, e.name, e.description) for e in found] == [
        (n, f"Gain {n}", "for all images") for n in range(3)
    ]


def test_lines_in_which_no_gap_divides_the_vr_from_the_name(statement):
    lines = [f"(0029,xx0{n})     FD 1-n factor of b {n}" for n in range(3)]
    found = statement().heading(HEADING).text(*([(0, t[:11]), (80, t[16:])] for t in lines))
    assert [(e.vr, e.vm, e.name) for e in found.elements()] == [
        ("FD", "1-n", f"factor of b {n}") for n in range(3)
    ]


def test_element_numbers_without_any_group_are_rejected(statement):
    rows = [("Element", "Attribute Name", "VR"), ("xx01", "Gain", "US"), ("xx02", "Lag", "US")]
    made = statement().text("See also (0021,xx01).").table(rows)
    elements, rejects = made.everything()
    assert elements == []
    assert "no group is named for the element xx01" in [reject.reason for reject in rejects]


@pytest.mark.parametrize("code", ["B007,B008", "C001-C003"])
def test_status_codes_are_no_elements(statement, code):
    rows = [("Code", "Further Meaning", "Description"), (code, "Refused", "other")]
    assert statement().heading("Status codes").table(rows).elements() == []


@pytest.mark.parametrize("name", ["Rows and columns", "Flag if present", "The kernel", "Is open"])
def test_a_name_with_the_words_of_a_sentence_before_tag_and_creator(statement, name):
    (found,) = statement().text(f"{name} (0029,xx01) ACME_X_01").elements()
    assert facts([found]) == [(0x0029, 0x01, "ACME_X_01", None, None, name)]


@pytest.mark.parametrize(
    "clause", ["The value is stored in", "The kernel is copied to", "See also", "If present"]
)
def test_a_clause_before_tag_and_creator_is_rejected(statement, clause):
    elements, rejects = statement().text(f"{clause} (0029,xx01) ACME_X_01").everything()
    assert elements == []
    assert len(rejects) == 1


def test_an_item_of_a_list_with_its_vr_and_vm_at_the_end(statement):
    found = statement().heading(HEADING).text("- (0029,xx01) Factor of b: FD, VM 1-n").elements()
    assert [(e.vr, e.vm, e.name) for e in found] == [("FD", "1-n", "Factor of b")]
