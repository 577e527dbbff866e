"""The search is held against the dictionary's own, which is thorough and slow."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_dictionary import open_dictionary
from atlas_node.web.entry_search import ONLY, STANDARD, EntrySearch, Question

DICTIONARY = open_dictionary()
SEARCH = EntrySearch(lambda: DICTIONARY)


def found(**asked):
    return SEARCH.find(Question(**asked)).entries


@pytest.mark.parametrize(
    "text",
    ["b value", "b-value", "siemens mosaic", "0019,100a", "(0043,xx10)", "WINDOW", "xyzzy"],
)
@pytest.mark.parametrize("more", [{}, {"vr": "DS"}, {"creator": "SIEMENS*"}])
def test_it_finds_what_the_dictionary_finds(text, more):
    expected = {it.key for it in DICTIONARY.search(text, **more)}
    assert {it.key for it in found(text=text, **more)} == expected


@settings(max_examples=25, deadline=None)
@given(st.integers(0, len(SEARCH.ready().entries) - 1))
def test_every_entry_is_found_by_its_tag_and_creator(number):
    entry = SEARCH.ready().entries[number]
    asked = {"group": entry.key.group_text, "element": entry.key.element_text}
    if entry.creator:
        asked["creator"] = entry.creator.replace("*", "")
    if not entry.key.names_block:
        assert entry in found(**asked)


def test_the_best_comes_first():
    first = found(text="number of images in mosaic")[0]
    assert (first.creator, str(first.key)) == ("SIEMENS MR HEADER", "(0019,xx0a)")


@pytest.mark.parametrize("element", ["0a", "xx0a", "100a"])
def test_of_a_private_element_the_offset_counts(element):
    names = [it.name for it in found(creator="SIEMENS MR HEADER", group="0019", element=element)]
    assert names == ["Number of Images in Mosaic"]


def test_an_open_digit_fits_every_digit():
    assert {it.group for it in found(group="001x", creator="GEMS_*")} <= set(range(0x10, 0x20))
    assert "Overlay Data" in [it.name for it in found(text="6002,3000")]


def test_facets_count_what_another_choice_would_find():
    everything = SEARCH.find(Question("b value"))
    for vendor, count in everything.vendors.items():
        assert len(found(text="b value", vendor=vendor)) == count
    for only, count in everything.only.items():
        assert len(found(text="b value", only=only)) == count
    assert list(everything.vendors)[-1] == STANDARD
    narrowed = SEARCH.find(Question("b value", vendor="Siemens"))
    assert narrowed.vendors == everything.vendors


@pytest.mark.parametrize("only", ONLY)
def test_a_property_is_one_that_the_entries_have(only):
    entries = found(only=only)
    assert entries
    assert all(ONLY[only][1](it) for it in entries)
    assert len(entries) == SEARCH.ready().count(only)


@pytest.mark.parametrize(
    ("query", "message"),
    [({"group": "19"}, "group: "), ({"element": "g1"}, "element: "), ({"only": "x"}, "only: ")],
)
def test_what_cannot_be_asked_is_said(query, message):
    with pytest.raises(ValueError, match=message):
        Question.from_query(query)


@given(st.text(max_size=30), st.text(max_size=10))
@settings(max_examples=40, deadline=None)
def test_no_text_breaks_it(text, creator):
    SEARCH.find(Question(text=text, creator=creator))


def test_another_dictionary_is_made_ready_when_there_is_one():
    current = [DICTIONARY]
    search = EntrySearch(lambda: current[0])
    before = search.ready()
    assert search.ready() is before
    current[0] = open_dictionary()
    assert search.ready() is not before
