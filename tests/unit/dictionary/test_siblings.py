"""Elements inferred from a creator that lays out its blocks in the same way."""

from __future__ import annotations

import pytest

from atlas_dictionary import Flags
from atlas_dictionary.resolution import resolve
from atlas_dictionary.siblings import ENOUGH_SHARED, infer
from atlas_dictionary.statements import SourceInfo, SourceTable

VRS = ("US", "DS", "LO", "FL")


@pytest.fixture
def layout(say):
    """Return statements of a creator: as many elements as are enough, in four VRs."""

    def make(creator, changed=(), vrs=VRS, count=ENOUGH_SHARED):
        return [
            say(creator, "0019", f"xx{n:02x}", "OB" if n in changed else vrs[n % len(vrs)])
            for n in range(count)
        ]

    return make


def inferred(*statements):
    table = SourceTable(SourceInfo("a"), tuple(s for said in statements for s in said))
    return infer([table], SourceInfo("siblings"))


def test_what_one_has_and_the_other_lacks(layout, say):
    more = say("TOSHIBA", "0019", "xx80", "SQ", name="Frame sequence")
    table = inferred(layout("CANON"), [*layout("TOSHIBA"), more])
    (statement,) = table.statements
    assert (statement.key.creator, str(statement.key)) == ("CANON", "(0019,xx80)")
    assert (statement.vrs, statement.name) == (("SQ",), "Frame sequence")
    assert (statement.flags, statement.detail) == (Flags.INFERRED, "as TOSHIBA")


def test_an_inferred_vr_is_less_sure_than_a_stated_one(layout, say):
    said = [*layout("CANON"), *layout("TOSHIBA"), say("TOSHIBA", "0019", "xx80", "SQ")]
    tables = [SourceTable(SourceInfo("a"), tuple(said))]
    both = resolve([*tables, infer(tables, SourceInfo("siblings"))])
    entries = {(e.creator, e.key.element_text): e for e in both.entries}
    assert entries["CANON", "xx80"].confidence == 0.80
    assert entries["TOSHIBA", "xx80"].confidence == 0.90


@pytest.mark.parametrize(
    "other",
    [
        {"count": ENOUGH_SHARED - 1},  # too few to tell
        {"changed": {3}},  # one in twenty is another
        {"vrs": ("CS", "CS", "LO", "CS")},  # other VRs
    ],
)
def test_creators_that_are_no_siblings(layout, say, other):
    more = say("TOSHIBA", "0019", "xx80", "SQ")
    assert inferred(layout("CANON", **other), [*layout("TOSHIBA"), more]).statements == ()


def test_a_layout_of_few_vrs_tells_nothing(layout, say):
    more = say("TOSHIBA", "0019", "xx80", "SQ")
    lists = [layout(creator, vrs=("CS", "LO", "US")) for creator in ("CANON", "TOSHIBA")]
    assert inferred(*lists, [more]).statements == ()


def test_siblings_that_disagree_tell_nothing(layout, say):
    said = [say("A", "0019", "xx80", "SQ"), say("B", "0019", "xx80", "LO")]
    assert inferred(layout("A"), layout("B"), layout("C"), said).statements == ()


def test_a_stated_vr_is_left_alone_and_an_unknown_one_is_filled(layout, say):
    said = [
        say("A", "0019", "xx80", "SQ"),
        say("B", "0019", "xx80", "UN"),
        say("A", "0019", "xx81", "SQ"),
        say("B", "0019", "xx81", "US or SS"),
    ]
    table = inferred(layout("A"), layout("B"), said)
    assert [(s.key.creator, str(s.key)) for s in table.statements] == [("B", "(0019,xx80)")]
