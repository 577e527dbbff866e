import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_scraper.tags import find_tags, is_certain_tag, tag_in_cell, tag_in_cells


@pytest.mark.parametrize(
    ("text", "group", "block", "offset"),
    [
        ("(0019,xx0A)", 0x0019, None, 0x0A),
        ("(0019,100A)", 0x0019, 0x10, 0x0A),
        ("0019,100a", 0x0019, 0x10, 0x0A),
        ("(0045, 1013)", 0x0045, 0x10, 0x13),
        ("0019 xx0A", 0x0019, None, 0x0A),
        ("(0x0019,0x100A)", 0x0019, 0x10, 0x0A),
        ("( 0019 , 10\n0A )", 0x0019, 0x10, 0x0A),
        ("0009,00xx", 0x0009, 0, None),
        ("(2001,0010)", 0x2001, 0, 0x10),
        ("(7FE1,xx10)", 0x7FE1, None, 0x10),
    ],
)
def test_a_cell_with_one_tag(text, group, block, offset):
    tag = tag_in_cell(text)
    assert tag is not None
    assert (tag.group, tag.block, tag.offset, tag.repaired) == (group, block, offset, False)


def test_a_creator_inside_the_tag():
    tag = tag_in_cell('(0029, "SIEMENS CSA HEADER", 10)')
    assert tag is not None
    assert (tag.group, tag.offset, tag.creator) == (0x0029, 0x10, "SIEMENS CSA HEADER")


def test_the_letter_o_for_a_zero_is_repaired_and_said_so():
    tag = tag_in_cell("(OO19,1O0A)")
    assert tag is not None
    assert (tag.group, tag.block, tag.offset, tag.repaired) == (0x0019, 0x10, 0x0A, True)


@pytest.mark.parametrize("text", ["", "Tag", "(0019,10G0)", "(0019,100A) and (0019,100B)", "0019"])
def test_what_is_no_single_tag(text):
    assert tag_in_cell(text) is None


def test_copyright_years_are_no_tags_in_a_line():
    assert not list(find_tags("Copyright 1999, 2000, 2001 by the vendor"))


@pytest.mark.parametrize("text", ["1.2.840,113619", "10019,100A", "(0019,100A5)", "A0019,1000"])
def test_digits_within_a_longer_number_are_no_tag(text):
    assert not list(find_tags(text))


def test_a_number_below_the_blocks_is_known():
    tag = tag_in_cell("(0019,0A12)")
    assert tag is not None
    assert tag.in_no_block


def test_group_and_element_apart():
    tag = tag_in_cells("0019", "xxE3")
    assert tag is not None
    assert (tag.group, tag.offset) == (0x0019, 0xE3)
    assert tag_in_cells("0019", "many") is None


@given(
    group=st.integers(0, 0xFFFF),
    block=st.one_of(st.none(), st.integers(0x10, 0xFF)),
    offset=st.integers(0, 0xFF),
    upper=st.booleans(),
    form=st.sampled_from(["({},{})", "( {} , {} )", "{},{}", "({}, {})"]),
)
def test_what_is_written_is_read(group, block, offset, upper, form):
    element = ("xx" if block is None else f"{block:02x}") + f"{offset:02x}"
    text = form.format(f"{group:04x}", element)
    tag = tag_in_cell(text.upper() if upper else text)
    assert tag is not None
    assert (tag.group, tag.block, tag.offset) == (group, block, offset)
    assert tag.private == (group % 2 == 1 and group not in {1, 3, 5, 7, 0xFFFF})


@given(st.text(alphabet="0123456789ABCDEFOabcdefxX(),;. \t\"'ZG", max_size=60))
def test_any_text_is_read_without_an_error(text):
    for found in find_tags(text):
        assert 0 <= found.tag.group <= 0xFFFF
        assert 0 <= found.start < found.end <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "(0019,nn0A)",
        "(0019,__0A)",
        "(0019,--0A)",
        "[0019,xx0A]",
        "0x0019, 0x100A",
        "0x0019100A",
        "0019100A",
        "0019xx0A",
        "0019 100A",
        "0019:100A",
        "0019-100A",
        "(0019)(100A)",
        "(0019h,100Ah)",
        "(0019,10 0A)",
        "> (0019,100A)",
        "(0019,100A)*",
        "(0019,100A)1",
        "(0019, xx0A, SIEMENS MR HEADER)",
        '(0019,"SIEMENS MR HEADER",0A)',
        "(0019, MERGE TECHNOLOGIES, INC., 0A)",
    ],
)
def test_notations_of_one_tag(text):
    found = list(find_tags(text))
    tag = tag_in_cell(text) or found[0].tag
    assert (tag.group, tag.offset) == (0x0019, 0x0A)


@pytest.mark.parametrize("text", ["0049 9131", "20051103", "0019-1234"])
def test_what_is_a_tag_under_a_title_only(text):
    assert tag_in_cell(text) is not None
    assert not is_certain_tag(text)
    assert not list(find_tags(text))


@pytest.mark.parametrize("text", ["Cell food", "deed, fade", "1107, code", "0x20412000 0x00"])
def test_words_are_no_tags(text):
    assert not list(find_tags(text))
    assert not is_certain_tag(text)


def test_the_letters_of_an_open_block():
    creator, element = tag_in_cell("(0039,00yy)"), tag_in_cell("(0039,YY01)")
    assert creator is not None
    assert element is not None
    assert creator.letters == element.letters == "yy"


def test_an_element_number_within_its_block():
    tag = tag_in_cells("0019", "0A")
    assert tag is not None
    assert (tag.group, tag.block, tag.offset) == (0x0019, None, 0x0A)


def test_a_footnote_in_parentheses_beside_the_tag():
    tag = tag_in_cell("(0043,xx05) (2)")
    assert tag is not None
    assert (tag.group, tag.offset) == (0x0043, 0x05)


@pytest.mark.parametrize("text", ["C001-C003", "0103 - 0105", "A801-A80F"])
def test_a_range_of_codes_is_no_tag(text):
    assert tag_in_cell(text) is None
