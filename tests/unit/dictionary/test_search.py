"""Search by words and by properties."""

from __future__ import annotations

import pytest

from atlas_dictionary import open_dictionary, open_layers


@pytest.fixture
def small(compiled, say):
    return compiled(
        [
            say("ACME MR 1.0", "0019", "xx0a", "US", name="Gate count", keyword="GateCount"),
            say("ACME MR 1.0", "0019", "xx0b", "DS", name="Gate"),
            say("acme  MR 2", "0021", "xx0a", "SQ", name="Table of gates"),
            say("OTHER", "0019", "xx0a", "OB or OW", name="Curve", description="one a gate"),
            say("OTHER", "0019", "10xx", "LO", name="Block"),
            say(None, "0010", "0010", "PN", name="Patient's Name", keyword="PatientName"),
            say(None, "60xx", "3000", "OW", name="Overlay Data", keyword="OverlayData"),
        ]
    )


def keys(entries):
    return [f"{entry.creator or ''}{entry.key}" for entry in entries]


def test_words_are_found_in_names_first_then_elsewhere(small):
    assert keys(small.search("gate")) == [
        "ACME MR 1.0(0019,xx0b)",
        "ACME MR 1.0(0019,xx0a)",
        "acme  MR 2(0021,xx0a)",
        "OTHER(0019,xx0a)",
    ]
    assert keys(small.search("GATE acme count")) == ["ACME MR 1.0(0019,xx0a)"]
    assert keys(small.search("patientname")) == ["(0010,0010)"]
    assert keys(small.search("0019,xx0b")) == ["ACME MR 1.0(0019,xx0b)"]
    assert small.search("gate nothing") == []


def test_punctuation_and_spaces_part_no_words(compiled, say):
    dictionary = compiled([say("ACME", "0019", "xx0c", "IS", name="B Value", keyword="BValue")])
    for text in ("b-value", "b_value", "BVALUE", "b value"):
        assert keys(dictionary.search(text)) == ["ACME(0019,xx0c)"]
    assert dictionary.search("---") == []


@pytest.mark.parametrize("tag", ["0019100a", "(0019,xx0A)", "0019,110a", "0019xx0a"])
def test_a_whole_tag_finds_the_element_of_every_creator(small, tag):
    assert keys(small.search(tag)) == ["ACME MR 1.0(0019,xx0a)", "OTHER(0019,xx0a)"]
    assert keys(small.search(tag, creator="OTHER")) == ["OTHER(0019,xx0a)"]
    assert keys(small.search("00100010")) == ["(0010,0010)"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"group": 0x21}, ["acme  MR 2(0021,xx0a)"]),
        ({"group": 0x19, "element": 0x100B}, ["ACME MR 1.0(0019,xx0b)"]),
        ({"group": 0x6002}, ["(60xx,3000)"]),
        ({"element": 0x0010}, ["(0010,0010)"]),
        ({"element": 0x3000}, ["(60xx,3000)"]),
        ({"vr": "ow"}, ["OTHER(0019,xx0a)", "(60xx,3000)"]),
        ({"creator": "acme mr  1.0"}, ["ACME MR 1.0(0019,xx0a)", "ACME MR 1.0(0019,xx0b)"]),
        ({"creator": "*mr*", "vr": "SQ"}, ["acme  MR 2(0021,xx0a)"]),
        ({"name": "gate*", "vr": "US"}, ["ACME MR 1.0(0019,xx0a)"]),
        ({"name": "gate"}, ["ACME MR 1.0(0019,xx0b)"]),
        ({"creator": "acme"}, []),
        ({"creator": "[a]*"}, []),
    ],
)
def test_conditions(small, asked, found):
    assert keys(small.search(**asked)) == found


def test_without_conditions_all_come_in_order(small):
    assert small.search() == list(small)


def test_every_spelling_of_a_creator_is_found(compiled, say):
    dictionary = compiled([say("A  B", "0019", "xx01", "US")], [say("a b", "0019", "xx02", "US")])
    assert len(dictionary.search(creator="A B")) == len(dictionary.search(creator="a*b")) == 2


def test_layers_are_searched_as_one(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("creator,group,element,vr,name\nSiemens MR Header,0019,xx0a,SS,Mine\n")
    layers = open_layers([path], environ={})
    found = layers.search(group=0x19, element=0x0A, creator="siemens mr header")
    assert [(entry.vr, entry.name) for entry in found] == [("SS", "Mine")]
    assert "SIEMENS MR HEADER" in layers.spellings()["Siemens MR Header"]


def test_every_entry_is_found_by_its_own_properties():
    dictionary = open_dictionary()
    for entry in list(dictionary)[::997]:
        if not entry.key.names_block:
            found = dictionary.search(
                entry.keyword, group=entry.group, element=entry.element, creator=entry.creator
            )
            assert entry in found
