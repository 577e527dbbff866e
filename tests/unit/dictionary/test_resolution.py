"""How one VR comes of what several sources say."""

from __future__ import annotations

import pytest

from atlas_dictionary import Candidate, Condition, Flags
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
