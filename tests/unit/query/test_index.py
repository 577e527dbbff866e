"""The index of private attributes, asked at every level."""

from __future__ import annotations

import pytest

from atlas_node.query import AttributeIndex, Indexed, IndexedKey, Level, parse_key

B_VALUE = IndexedKey("SIEMENS MR HEADER", "(0019,xx0c)", Level.IMAGE)
FIELD_OF_VIEW = IndexedKey("SIEMENS MR HEADER", "(0051,xx0c)", Level.SERIES)


@pytest.fixture
def index(tmp_path):
    index = AttributeIndex(f"sqlite:///{tmp_path / 'log.db'}")
    yield index
    index.close()


def instance(study, series, number, b_value=None, field_of_view=None):
    values = {}
    if b_value is not None:
        values[B_VALUE] = ("IS", [b_value])
    if field_of_view is not None:
        values[FIELD_OF_VIEW] = ("SH", [field_of_view])
    return Indexed((study, f"{study}.{series}", f"{study}.{series}.{number}"), values)


@pytest.fixture
def filled(index):
    index.record(
        [
            instance("1.1", 1, 1, b_value=0, field_of_view="FoV 220*220"),
            instance("1.1", 1, 2, b_value=1000, field_of_view="FoV 220*220"),
            instance("1.1", 2, 1, field_of_view="FoV 250*250"),
            instance("1.2", 1, 1, b_value=0),
            instance("1.3", 1, 1, b_value=2000),
        ]
    )
    return index


def entities(index, key, vr, asked, level, limit=100):
    return index.entities(key, parse_key(vr, [asked]), level, limit)


def test_entities_at_every_level(filled):
    assert entities(filled, B_VALUE, "IS", "1000", Level.STUDY) == {"1.1"}
    assert entities(filled, B_VALUE, "IS", "1000", Level.SERIES) == {"1.1.1"}
    assert entities(filled, B_VALUE, "IS", "1000", Level.IMAGE) == {"1.1.1.2"}
    assert entities(filled, B_VALUE, "IS", "500-", Level.STUDY) == {"1.1", "1.3"}
    assert entities(filled, FIELD_OF_VIEW, "SH", "FoV 2?0*", Level.SERIES) == {"1.1.1", "1.1.2"}


def test_a_key_of_a_higher_level_gives_the_entities_of_its_own(filled):
    assert entities(filled, FIELD_OF_VIEW, "SH", "FoV 250*250", Level.IMAGE) == {"1.1.2"}


def test_too_many_are_not_told(filled):
    assert entities(filled, B_VALUE, "IS", "0", Level.STUDY, limit=1) is None
    assert entities(filled, B_VALUE, "IS", "0", Level.STUDY, limit=2) == {"1.1", "1.2"}


def test_nothing_is_known_of_a_key_that_was_never_seen(filled):
    other = IndexedKey("GEMS_PARM_01", "(0043,xx39)", Level.IMAGE)
    assert entities(filled, other, "IS", "0", Level.STUDY) == set()
    assert filled.values([other], Level.STUDY, ["1.1"]) == {}


@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES])
def test_many_entities_are_told_at_once_what_each_is_told_alone(filled, level):
    keys = [B_VALUE, FIELD_OF_VIEW]
    uids = {
        Level.STUDY: ["1.1", "1.2", "1.9"],
        Level.SERIES: ["1.1.1", "1.1.2", "1.3.1", "1.9.1"],
    }[level]
    alone = {uid: filled.values(keys, level, ["", uid][-level.depth :]) for uid in uids}
    assert filled.values_under(keys, level, uids) == alone


def test_values_of_an_entity_come_in_order_each_once(filled):
    assert filled.values([B_VALUE, FIELD_OF_VIEW], Level.STUDY, ["1.1"]) == {
        B_VALUE: ("IS", ["0", "1000"]),
        FIELD_OF_VIEW: ("SH", ["FoV 220*220", "FoV 250*250"]),
    }
    assert filled.values([B_VALUE], Level.IMAGE, ["1.1", "1.1.1", "1.1.1.2"]) == {
        B_VALUE: ("IS", ["1000"])
    }
    assert filled.values([FIELD_OF_VIEW], Level.IMAGE, ["1.1", "1.1.2", "1.1.2.1"]) == {
        FIELD_OF_VIEW: ("SH", ["FoV 250*250"])
    }


def test_an_instance_without_known_study_is_found_by_its_own_uid(filled):
    assert filled.values([B_VALUE], Level.IMAGE, ["", "", "1.3.1.1"]) == {B_VALUE: ("IS", ["2000"])}


def test_what_is_recorded_twice_is_there_once(filled):
    filled.record([instance("1.1", 1, 2, b_value=1000, field_of_view="FoV 220*220")])
    assert filled.values([B_VALUE], Level.SERIES, ["1.1", "1.1.1"]) == {
        B_VALUE: ("IS", ["0", "1000"])
    }


def test_more_entities_than_one_query_takes(index):
    index.record([instance("1.9", 1, number, b_value=number % 3) for number in range(1200)])
    found = entities(index, B_VALUE, "IS", "1", Level.IMAGE, limit=1000)
    assert found is not None
    assert len(found) == 400


def test_hostile_values_are_values_like_any_other(index):
    nasty = "'; DROP TABLE index_values; --"
    index.record([instance("1.1", 1, 1, field_of_view=nasty)])
    assert entities(index, FIELD_OF_VIEW, "SH", nasty, Level.STUDY) == {"1.1"}


def test_an_instance_can_be_forgotten(filled):
    filled.forget(["1.1.1.2"])
    assert entities(filled, B_VALUE, "IS", "1000", Level.STUDY) == set()
    assert entities(filled, B_VALUE, "IS", "0", Level.STUDY) == {"1.1", "1.2"}
