"""The index of private attributes, asked at every level."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_node.query import (
    AttributeIndex,
    Indexed,
    IndexedKey,
    Level,
    QueryKeyError,
    parse_key,
)

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


def stored(index, number, vr, *values, key=B_VALUE):
    uids = ("1.1", "1.1.1", f"1.1.1.{number}")
    index.record([Indexed(uids, {key: (vr, values)})])


def test_an_instance_has_its_values_in_order_and_a_study_each_once(index):
    stored(index, 1, "IS", 1000000800, 8, 0, 0)
    stored(index, 2, "IS", 0, 8, 0, 0)
    uids = ["1.1", "1.1.1", "1.1.1.1"]
    assert index.values([B_VALUE], Level.IMAGE, uids) == {
        B_VALUE: ("IS", ["1000000800", "8", "0", "0"])
    }
    assert index.values_under([B_VALUE], Level.IMAGE, [uids[2]])[uids[2]] == index.values(
        [B_VALUE], Level.IMAGE, uids
    )
    assert index.values([B_VALUE], Level.STUDY, uids[:1]) == {
        B_VALUE: ("IS", ["0", "8", "1000000800"])
    }


def test_a_series_has_the_list_that_all_its_images_have(index):
    for number in range(3):
        stored(index, number, "DS", "0.5", "0.5", "3", key=FIELD_OF_VIEW)
    uids = ["1.1", "1.1.1"]
    assert index.values([FIELD_OF_VIEW], Level.SERIES, uids) == {
        FIELD_OF_VIEW: ("DS", ["0.5", "0.5", "3"])
    }
    stored(index, 9, "DS", "4", "3", key=FIELD_OF_VIEW)
    assert index.values([FIELD_OF_VIEW], Level.SERIES, uids) == {
        FIELD_OF_VIEW: ("DS", ["0.5", "0.5", "3", "4"])
    }


def test_values_of_two_vrs_are_all_found_and_told_in_one(index):
    stored(index, 1, "IS", 1000)
    stored(index, 2, "DS", "500")
    for asked in ("1000", "500", "400-600"):
        assert entities(index, B_VALUE, "IS", asked, Level.STUDY) == {"1.1"}
    assert index.values([B_VALUE], Level.STUDY, ["1.1"]) == {B_VALUE: ("DS", ["500", "1000"])}
    assert index.values_under([B_VALUE], Level.STUDY, ["1.1"]) == {
        "1.1": {B_VALUE: ("DS", ["500", "1000"])}
    }


def test_an_instance_recorded_again_has_its_later_values_alone(filled):
    filled.record([instance("1.1", 1, 2, b_value=1500)])
    assert entities(filled, B_VALUE, "IS", "1000", Level.STUDY) == set()
    assert entities(filled, B_VALUE, "IS", "1500", Level.IMAGE) == {"1.1.1.2"}


def test_an_instance_that_moved_to_another_study_is_found_there_alone(filled):
    filled.record([Indexed(("1.9", "1.9.1", "1.1.1.2"), {B_VALUE: ("IS", [1000])})])
    assert entities(filled, B_VALUE, "IS", "1000", Level.STUDY) == {"1.9"}


@pytest.mark.parametrize("values", [(), ("x" * 3000,), ("short", "x" * 3000)])
def test_a_value_too_long_is_told_as_none_and_counted(index, values):
    stored(index, 1, "LT", *values)
    assert index.values([B_VALUE], Level.IMAGE, ["1.1", "1.1.1", "1.1.1.1"]) == {}
    assert index.too_long(B_VALUE) == 1
    assert index.counts([B_VALUE]) == {B_VALUE: (0, 0)}


def test_whether_anything_is_known_of_a_key(filled):
    assert filled.knows(B_VALUE)
    assert not filled.knows(IndexedKey("GEMS_PARM_01", "(0043,xx39)", Level.IMAGE))


def test_a_source_is_read_again_for_other_keys(index):
    index.sweep("folder", "a.dcm", [B_VALUE, FIELD_OF_VIEW])
    assert index.swept("folder", [FIELD_OF_VIEW, B_VALUE]) == {"a.dcm"}
    assert index.swept("folder", [B_VALUE]) == set()
    index.sweep("folder", "a.dcm", [B_VALUE])
    assert index.swept("folder", [B_VALUE]) == {"a.dcm"}


@given(
    vr=st.sampled_from(["LO", "LT", "PN", "IS", "DS"]),
    values=st.lists(st.sampled_from(["ab", "AB", "abc", " ab", "a b", "10", "1e1", "-3", "9"])),
    key=st.sampled_from(["ab", "ab*", "a?c", "*c", "a*", " ab", "10", "5-20", "-3", "-20", "9-"]),
)
@settings(max_examples=20, deadline=None)
def test_what_the_database_finds_is_what_matching_says(vr, values, key):
    try:
        condition = parse_key(vr, [key])
    except QueryKeyError:
        return
    with tempfile.TemporaryDirectory() as folder:
        index = AttributeIndex(f"sqlite:///{folder}/log.db")
        index.record(
            Indexed(("1.1", "1.1.1", f"1.1.1.{number}"), {B_VALUE: (vr, [value])})
            for number, value in enumerate(values)
        )
        found = index.entities(B_VALUE, condition, Level.IMAGE, 100)
        index.close()
    assert found == {
        f"1.1.1.{number}" for number, value in enumerate(values) if condition.matches([value])
    }


def test_tables_of_another_version_are_made_anew(tmp_path, caplog):
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with closing(sqlite3.connect(tmp_path / "log.db")) as old:
        old.execute("CREATE TABLE index_values (id INTEGER PRIMARY KEY, text TEXT)")
        old.commit()
    AttributeIndex(url).close()
    assert "made anew, empty: fill it with `atlas-node index backfill`" in caplog.text
    index = AttributeIndex(url)
    index.record([instance("1.1", 1, 1, b_value=0)])
    index.close()
    again = AttributeIndex(url)
    assert again.knows(B_VALUE)
    again.close()
