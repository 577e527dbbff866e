"""How one VR comes of what several sources say."""

from __future__ import annotations

import pytest

from atlas_dictionary import Candidate, Condition, Flags
from atlas_dictionary.entry import Source
from atlas_dictionary.resolution import resolve
from atlas_dictionary.statements import SourceInfo, SourceTable


def merge(*sources, weights=()):
    tables = []
    for number, statements in enumerate(sources):
        weight = weights[number] if weights else 1
        tables.append(SourceTable(SourceInfo(chr(97 + number), weight=weight), tuple(statements)))
    return resolve(tables)


def only(*sources, weights=()):
    (entry,) = merge(*sources, weights=weights).entries
    return entry


def test_agreement_raises_confidence(say):
    us = say("C", "0019", "xx0a", "US")
    assert [only(*[[us]] * n).confidence for n in (1, 2, 3)] == [0.90, 0.97, 0.99]


def test_the_heavier_vr_wins_and_the_other_stays_a_candidate(say):
    us, ss = say("C", "0019", "xx0a", "US"), say("C", "0019", "xx0a", "SS")
    entry = only([ss], [us], [us])
    assert entry.vr == "US"
    assert entry.candidates == (Candidate("US", 2), Candidate("SS", 1))
    assert Flags.DISAGREEMENT in entry.flags
    assert [source.stated for source in entry.sources] == ["SS", "US", "US"]


def test_between_equals_the_earlier_source_decides(say):
    us, ss = say("C", "0019", "xx0a", "US"), say("C", "0019", "xx0a", "SS")
    assert only([ss], [us]).vr == "SS"
    assert not only([ss], [us]).ambiguous


def test_weight_of_a_source_outranks_order(say):
    us, ss = say("C", "0019", "xx0a", "US"), say("C", "0019", "xx0a", "SS")
    assert only([ss], [us], weights=(1, 3)).vr == "US"


def test_a_choice_that_the_source_leaves_open_is_ambiguous(say):
    entry = only([say(None, "0028", "0106", "US or SS")])
    assert (entry.vr, entry.ambiguous) == ("US or SS", True)
    assert Flags.DISAGREEMENT not in entry.flags


def test_another_source_settles_an_open_choice(say):
    entry = only([say("C", "0019", "xx0a", "US or SS")], [say("C", "0019", "xx0a", "SS")])
    assert (entry.vr, entry.ambiguous) == ("SS", False)
    assert Flags.DISAGREEMENT not in entry.flags


def test_a_source_that_contradicts_itself_decides_nothing(say):
    fd, ds = say("ELSCINT1", "01f1", "1026", "FD"), say("ELSCINT1", "01f1", "xx26", "DS")
    resolved = merge([fd, ds])
    (entry,) = resolved.entries
    assert entry.ambiguous
    assert entry.candidates == (Candidate("FD", 1), Candidate("DS", 1))
    assert Flags.TEXT_AGAINST_BINARY in entry.flags
    assert resolved.merged == 1


def test_a_source_that_repeats_itself_counts_once(say):
    us = say("C", "0019", "xx0a", "US")
    assert only([us, us]).candidates == (Candidate("US", 1),)


def test_un_is_no_candidate(say):
    entry = only([say("C", "0019", "xx0a", "UN", name="Something")])
    assert (entry.vr, entry.candidates, entry.confidence) == ("UN", (), 0.0)
    assert entry.name == "Something"
    assert only([say("C", "0019", "xx0a", "UN")], [say("C", "0019", "xx0a", "US")]).vr == "US"


def test_sequence_against_other_is_flagged(say):
    entry = only([say("C", "0019", "xx0a", "SQ")], [say("C", "0019", "xx0a", "LO")])
    assert Flags.SEQUENCE_AGAINST_OTHER in entry.flags
    assert Flags.TEXT_AGAINST_BINARY not in entry.flags


def test_a_vr_that_holds_for_some_equipment_only_does_not_decide(say):
    condition = Condition(manufacturer="GE*", software="DV*")
    seen = say("GEMS_PARM_01", "0043", "xx10", "SS", weight=9, condition=condition)
    entry = only([say("GEMS_PARM_01", "0043", "xx10", "US")], [seen])
    assert entry.vr == "US"
    assert entry.candidates == (Candidate("US", 1), Candidate("SS", 9, condition))


@pytest.mark.parametrize(
    ("manufacturer", "software", "holds"),
    [("GE MEDICAL SYSTEMS", "dv25.1", True), ("GE", "LX", False), ("SIEMENS", "DV25", False)],
)
def test_conditions_are_patterns_without_case(manufacturer, software, holds):
    condition = Condition(manufacturer="ge*", software="DV*")
    assert condition.holds(manufacturer, "any", software) is holds


def test_creators_that_fold_alike_become_one(say):
    resolved = merge(
        [say("HOLOGIC", "0019", "xx01", "US")],
        [say("Hologic", "0019", "xx01", "US"), say("Hologic", "0019", "xx02", "US")],
    )
    assert resolved.spellings == {"Hologic": ("HOLOGIC", "Hologic")}
    assert [entry.creator for entry in resolved.entries] == ["Hologic", "Hologic"]
    assert resolved.entries[0].confidence == 0.97


def test_a_name_that_says_something_is_preferred(say):
    entry = only(
        [say("C", "0019", "xx0a", "US", name="Unknown")],
        [say("C", "0019", "xx0a", "US", name="Slice count")],
    )
    assert (entry.name, entry.keyword) == ("Slice count", "SliceCount")


def test_name_and_keyword_come_from_one_source(say):
    entry = only(
        [say("C", "0019", "xx0a", "US", name="Slice count")],
        [say("C", "0019", "xx0a", "US", name="SlicesTotal", keyword="SlicesTotal")],
    )
    assert (entry.name, entry.keyword) == ("Slice count", "SliceCount")


def observed(*statements, weight=10):
    """A source of kind observed; the number of files is the weight of a statement."""
    return SourceTable(SourceInfo("seen", weight=weight, kind="observed"), tuple(statements))


def source(name, *statements, family="", successor=""):
    return SourceTable(SourceInfo(name, family=family, successor=successor), tuple(statements))


def entry_of(*tables):
    (entry,) = resolve(tables).entries
    return entry


def test_what_the_vendor_wrote_outranks_all_dictionaries(say):
    seen = say("C", "0051", "xx0a", "LO", weight=1, flags=Flags.OBSERVED)
    others = [source(name, say("C", "0051", "xx0a", "SH")) for name in "abcde"]
    entry = entry_of(observed(seen), *others)
    assert (entry.vr, entry.confidence) == ("LO", 0.95)
    assert entry.candidates == (Candidate("LO", 10), Candidate("SH", 5))
    assert Flags.OBSERVED | Flags.DISAGREEMENT in entry.flags


def test_where_vendors_write_two_vrs_no_dictionary_decides(say):
    condition = Condition("GE*", "", "*DV28.0*")
    entry = entry_of(
        observed(
            say("C", "0043", "xx80", "LO", weight=432, flags=Flags.OBSERVED),
            say("C", "0043", "xx80", "DS", weight=48, flags=Flags.OBSERVED),
            say("C", "0043", "xx80", "LO", weight=192, flags=Flags.OBSERVED, condition=condition),
        ),
        source("a", say("C", "0043", "xx80", "LO")),
    )
    assert (entry.vr, entry.ambiguous) == ("LO or DS", True)
    assert entry.candidates == (
        Candidate("LO", 10),
        Candidate("DS", 10),
        Candidate("LO", 192, condition),
    )
    assert entry.confidence == round(432 / 480 * 0.99, 2)


def test_what_a_toolkit_wrote_counts_nothing_where_a_dictionary_says_so(say):
    anew = say("C", "0019", "xx0a", "SH", weight=300)
    entry = entry_of(
        observed(anew),
        source("a", say("C", "0019", "xx0a", "SH")),
        source("b", say("C", "0019", "xx0a", "LO")),
    )
    assert entry.candidates == (Candidate("SH", 1), Candidate("LO", 1))
    assert Flags.OBSERVED not in entry.flags


def test_what_a_toolkit_wrote_and_no_dictionary_says_it_has_read(say):
    anew = say("C", "0065", "xx02", "LO", weight=40)
    entry = entry_of(observed(anew), source("a", say("C", "0065", "xx02", "SH")))
    assert entry.candidates == (Candidate("LO", 5), Candidate("SH", 1))
    assert (entry.vr, Flags.OBSERVED in entry.flags) == ("LO", False)
    assert entry_of(observed(anew)).confidence == 0.90


def test_a_family_of_sources_counts_as_one(say):
    us, ss = say("C", "0019", "xx0a", "US"), say("C", "0019", "xx0a", "SS")
    entry = entry_of(
        source("a", us, family="old"), source("b", us, family="old"), source("c", us, family="old"),
        source("d", ss), source("e", ss),
    )  # fmt: skip
    assert entry.candidates == (Candidate("SS", 2), Candidate("US", 1))


@pytest.mark.parametrize(
    ("new", "candidates"),
    [
        ("ST", (Candidate("ST", 1), Candidate("UI", 0))),
        ("UI", (Candidate("UI", 1),)),
        ("UN", (Candidate("UI", 1),)),  # corrected is what has a VR in its stead
    ],
)
def test_what_a_later_edition_corrected_weighs_nothing(say, new, candidates):
    entry = entry_of(
        source("new", say("C", "0019", "xx0a", new), family="f"),
        source("old", say("C", "0019", "xx0a", "UI"), family="f", successor="new"),
    )
    assert (entry.vr, entry.candidates) == (candidates[0].vr, candidates)


def test_the_vm_allows_what_vendors_wrote(say):
    seen = say("C", "0019", "xx29", "FD", vm="3-35", weight=34, flags=Flags.OBSERVED)
    assert entry_of(observed(seen), source("a", say("C", "0019", "xx29", "FD", vm="1"))).vm == "1-n"


def test_the_vm_allows_what_each_source_states_that_gives_the_vr(say):
    sources = (
        source("a", say("C", "0019", "xx0a", "SH", vm="9")),
        source("b", say("C", "0019", "xx0a", "LO", vm="1")),
        source("c", say("C", "0019", "xx0a", "LO", vm="3")),
    )
    assert (entry_of(*sources).vr, entry_of(*sources).vm) == ("LO", "1-3")
    seen = say("C", "0019", "xx0a", "LO", vm="3", weight=8, flags=Flags.OBSERVED)
    assert entry_of(observed(seen), *sources).vm == "3"
    rarely = say("C", "0019", "xx0a", "LO", vm="3", weight=2, flags=Flags.OBSERVED)
    assert entry_of(observed(rarely), *sources).vm == "1-3"


def test_a_sequence_is_one_value_however_many_items_were_seen(say):
    seen = say("C", "0029", "xx01", "SQ", vm="1-25", weight=5, flags=Flags.OBSERVED)
    assert entry_of(observed(seen)).vm == "1"
    assert entry_of(source("a", say("C", "0029", "xx01", "SQ", vm="2"))).vm == "1"


def test_a_source_stands_once_for_each_vr_that_it_states(say):
    entry = entry_of(
        observed(
            say("C", "0019", "xx0a", "US", weight=3, flags=Flags.OBSERVED, detail="3 files"),
            say("C", "0019", "xx0a", "US", weight=2, detail="2 files written anew"),
        ),
        source("a", say("C", "0019", "xx0a", "US"), say("C", "0019", "xx0a", "SS")),
    )
    assert entry.sources == (
        Source("seen", "3 files; 2 files written anew", "US"), Source("a", "", "US"),
        Source("a", "", "SS"),
    )  # fmt: skip


def test_a_name_that_says_nothing_is_none(say):
    entry = only([say("C", "0019", "xx0a", "US", name="?", keyword="?")])
    assert (entry.name, entry.keyword) == ("", "")
    entry = only([say("C", "0019", "xx0a", "US", name="?", keyword="Total Time")])
    assert (entry.name, entry.keyword) == ("TotalTime", "TotalTime")
