"""The index of private attributes, asked at every level."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from atlas_node.query import (
    AttributeIndex,
    Indexed,
    IndexedKey,
    Level,
    QueryKeyError,
    parse_key,
)
from atlas_node.query.telling import Told, in_one_element

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


def test_those_without_a_value_are_not_told(filled):
    assert entities(filled, FIELD_OF_VIEW, "SH", '""', Level.SERIES) is None


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
        B_VALUE: Told("IS", ["0", "1000"]),
        FIELD_OF_VIEW: Told("SH", ["FoV 220*220", "FoV 250*250"]),
    }
    assert filled.values([B_VALUE], Level.IMAGE, ["1.1", "1.1.1", "1.1.1.2"]) == {
        B_VALUE: Told("IS", ["1000"])
    }
    assert filled.values([FIELD_OF_VIEW], Level.IMAGE, ["1.1", "1.1.2", "1.1.2.1"]) == {
        FIELD_OF_VIEW: Told("SH", ["FoV 250*250"])
    }


def test_an_instance_without_known_study_is_found_by_its_own_uid(filled):
    assert filled.values([B_VALUE], Level.IMAGE, ["", "", "1.3.1.1"]) == {
        B_VALUE: Told("IS", ["2000"])
    }


def test_what_is_recorded_twice_is_there_once(filled):
    filled.record([instance("1.1", 1, 2, b_value=1000, field_of_view="FoV 220*220")])
    assert filled.values([B_VALUE], Level.SERIES, ["1.1", "1.1.1"]) == {
        B_VALUE: Told("IS", ["0", "1000"])
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


@pytest.mark.parametrize(
    ("level", "uid", "count", "left"),
    [
        (Level.STUDY, "1.1", 4, {"1.2"}),
        (Level.SERIES, "1.1.1", 3, {"1.2"}),
        (Level.IMAGE, "1.1.1.2", 1, {"1.1", "1.2"}),
        (Level.IMAGE, "1.9.1.1", 0, {"1.1", "1.2"}),
    ],
)
def test_an_entity_is_forgotten_with_what_is_under_it(filled, level, uid, count, left):
    assert filled.under(level, uid) == count
    assert filled.forget(level, uid) == count
    assert entities(filled, B_VALUE, "IS", "0", Level.STUDY) == left
    assert filled.forget(level, uid) == 0


def everything_kept(tmp_path):
    """Return all texts that stand anywhere in the tables of the index."""
    with closing(sqlite3.connect(tmp_path / "log.db")) as database:
        return {
            str(it)
            for table in ("values", "packs", "entries", "entities", "keys")
            for row in database.execute(f"SELECT * FROM index_{table}")
            for it in row
        }


def test_a_value_that_nobody_else_has_is_forgotten_too(filled, tmp_path):
    filled.forget(Level.STUDY, "1.1")
    assert not any("250*250" in it for it in everything_kept(tmp_path))
    assert entities(filled, B_VALUE, "IS", "0", Level.STUDY) == {"1.2"}


def test_a_key_of_many_values_is_forgotten_with_what_is_not_kept(filled):
    many = [instance("1.4", 1, number, field_of_view=f"FoV {number}") for number in range(1200)]
    long = instance("1.5", 1, 1, b_value=5, field_of_view="x" * 3000)
    filled.record([*many, long])
    filled.forget_key(FIELD_OF_VIEW)
    assert filled.recorded() == [B_VALUE]
    assert filled.under(Level.STUDY, "1.4") == 0
    assert entities(filled, B_VALUE, "IS", "5", Level.STUDY) == {"1.5"}


def test_a_key_is_forgotten_with_all_that_it_alone_has(filled, tmp_path):
    filled.forget_key(FIELD_OF_VIEW)
    assert filled.recorded() == [B_VALUE]
    assert not any("fov" in it.lower() for it in everything_kept(tmp_path))
    assert "1.1.2" not in everything_kept(tmp_path)
    assert entities(filled, B_VALUE, "IS", "0", Level.STUDY) == {"1.1", "1.2"}
    filled.forget_key(FIELD_OF_VIEW)
    filled.record([instance("1.1", 1, 1, b_value=0, field_of_view="FoV 220*220")])
    assert entities(filled, FIELD_OF_VIEW, "SH", "*220", Level.STUDY) == {"1.1"}


def test_a_key_that_another_process_forgot_is_found_when_it_is_recorded_again(filled, tmp_path):
    assert entities(filled, B_VALUE, "IS", "0", Level.STUDY) == {"1.1", "1.2"}
    other = AttributeIndex(f"sqlite:///{tmp_path / 'log.db'}")
    other.forget_key(B_VALUE)
    other.record([instance("1.7", 1, 1, b_value=0)])
    other.close()
    assert entities(filled, B_VALUE, "IS", "0", Level.STUDY) == {"1.7"}
    told = filled.values([B_VALUE], Level.STUDY, ["1.7"])
    assert told == {B_VALUE: Told("IS", ["0"])}


def test_a_key_that_is_forgotten_and_wanted_again_has_its_sources_read_again(filled):
    filled.sweep("folder", "old", [B_VALUE, FIELD_OF_VIEW])
    filled.sweep("folder", "later", [B_VALUE])
    filled.forget_key(FIELD_OF_VIEW, [B_VALUE])
    assert filled.swept("folder", [B_VALUE, FIELD_OF_VIEW]) == {}
    assert filled.swept("folder", [B_VALUE]).keys() == {"later"}


def test_a_study_that_is_forgotten_is_read_again_by_a_backfill(filled):
    filled.sweep("upstream archive", "1.1", [B_VALUE])
    filled.sweep("upstream archive", "1.2", [B_VALUE])
    filled.forget(Level.STUDY, "1.1")
    assert filled.swept("upstream archive", [B_VALUE]).keys() == {"1.2"}


def stored(index, number, vr, *values, key=B_VALUE):
    uids = ("1.1", "1.1.1", f"1.1.1.{number}")
    index.record([Indexed(uids, {key: (vr, values)})])


def test_an_instance_has_its_values_in_order_and_a_study_each_once(index):
    stored(index, 1, "IS", 1000000800, 8, 0, 0)
    stored(index, 2, "IS", 0, 8, 0, 0)
    uids = ["1.1", "1.1.1", "1.1.1.1"]
    assert index.values([B_VALUE], Level.IMAGE, uids) == {
        B_VALUE: Told("IS", ["1000000800", "8", "0", "0"])
    }
    assert index.values_under([B_VALUE], Level.IMAGE, [uids[2]])[uids[2]] == index.values(
        [B_VALUE], Level.IMAGE, uids
    )
    assert index.values([B_VALUE], Level.STUDY, uids[:1]) == {
        B_VALUE: Told("IS", ["0", "8", "1000000800"])
    }


def test_a_series_has_the_list_that_all_its_images_have(index):
    for number in range(3):
        stored(index, number, "DS", "0.5", "0.5", "3", key=FIELD_OF_VIEW)
    uids = ["1.1", "1.1.1"]
    assert index.values([FIELD_OF_VIEW], Level.SERIES, uids) == {
        FIELD_OF_VIEW: Told("DS", ["0.5", "0.5", "3"])
    }
    stored(index, 9, "DS", "4", "3", key=FIELD_OF_VIEW)
    assert index.values([FIELD_OF_VIEW], Level.SERIES, uids) == {
        FIELD_OF_VIEW: Told("DS", ["0.5", "0.5", "3", "4"])
    }


@contextmanager
def rows_written():
    """Count the rows that statements insert, change or delete."""
    count = [0]

    def executed(connection, cursor, statement, parameters, context, executemany):
        if not statement.startswith(("SELECT", "BEGIN", "PRAGMA")):
            count[0] += max(0, cursor.rowcount)

    event.listen(Engine, "after_cursor_execute", executed)
    try:
        yield count
    finally:
        event.remove(Engine, "after_cursor_execute", executed)


def test_what_a_series_has_is_not_written_again_with_each_image(index):
    for number in range(3):
        values = [f"{number}-{value}" for value in range(300)]
        stored(index, number, "LO", *values, key=FIELD_OF_VIEW)
    with rows_written() as count:
        stored(index, 9, "LO", "new", "0-7", key=FIELD_OF_VIEW)
    assert 0 < count[0] < 10
    [found] = index.values([FIELD_OF_VIEW], Level.SERIES, ["1.1", "1.1.1"]).values()
    assert found.values[-2:] == ["2-299", "new"]
    with rows_written() as count:
        stored(index, 9, "LO", "new", "0-7", key=FIELD_OF_VIEW)
    assert count[0] == 0


def test_an_object_without_a_series_has_no_value_for_one(index):
    for _ in range(2):
        index.record([Indexed(("1.1", "", "1.1.1.1"), {FIELD_OF_VIEW: ("LO", ["FoV"])})])
    assert not index.knows(FIELD_OF_VIEW)


def test_of_more_values_than_are_read_only_a_part_is_told(index, monkeypatch):
    monkeypatch.setattr("atlas_node.query.index._MOST_TOLD", 3000)
    stored(index, 1, "LO", *(f"value {number}" for number in range(900)))
    found = index.values([B_VALUE], Level.IMAGE, ["1.1", "1.1.1", "1.1.1.1"])[B_VALUE]
    assert not found.is_whole
    assert 0 < len(found.values) < 900
    assert index.values_under([B_VALUE], Level.STUDY, ["1.1"]) is None


def test_values_of_two_vrs_are_all_found_and_told_in_one(index):
    stored(index, 1, "IS", 1000)
    stored(index, 2, "DS", "500")
    for asked in ("1000", "500", "400-600"):
        assert entities(index, B_VALUE, "IS", asked, Level.STUDY) == {"1.1"}
    found = index.values([B_VALUE], Level.STUDY, ["1.1"])[B_VALUE]
    assert found == Told("", ["500", "1000"], vrs=("DS", "IS"))
    assert in_one_element(found, bool) == Told("DS", ["500", "1000"])
    assert index.values_under([B_VALUE], Level.STUDY, ["1.1"]) == {"1.1": {B_VALUE: found}}


def test_an_instance_recorded_again_has_its_later_values_alone(filled):
    filled.record([instance("1.1", 1, 2, b_value=1500)])
    assert entities(filled, B_VALUE, "IS", "1000", Level.STUDY) == set()
    assert entities(filled, B_VALUE, "IS", "1500", Level.IMAGE) == {"1.1.1.2"}


def test_an_instance_that_moved_to_another_study_is_found_there_alone(filled):
    filled.record([Indexed(("1.9", "1.9.1", "1.1.1.2"), {B_VALUE: ("IS", [1000])})])
    assert entities(filled, B_VALUE, "IS", "1000", Level.STUDY) == {"1.9"}


@pytest.mark.parametrize("values", [(), ("x" * 3000,), ("short", "x" * 3000)])
def test_a_value_too_long_is_perhaps_what_is_asked_for_and_counted(index, values):
    stored(index, 1, "LT", *values)
    assert index.values([B_VALUE], Level.IMAGE, ["1.1", "1.1.1", "1.1.1.1"]) == {
        B_VALUE: Told("", [], is_whole=False)
    }
    assert entities(index, B_VALUE, "LT", "*z*", Level.STUDY) == {"1.1"}
    assert index.not_kept(B_VALUE) == 1
    assert index.counts([B_VALUE]) == {B_VALUE: (0, 0)}


def test_whether_anything_is_known_of_a_key(filled):
    assert filled.knows(B_VALUE)
    assert not filled.knows(IndexedKey("GEMS_PARM_01", "(0043,xx39)", Level.IMAGE))


def test_a_source_is_read_again_for_other_keys(index):
    index.sweep("folder", "a.dcm", [B_VALUE, FIELD_OF_VIEW])
    assert index.swept("folder", [FIELD_OF_VIEW, B_VALUE]) == {"a.dcm": None}
    assert index.swept("folder", [B_VALUE]) == {}
    index.sweep("folder", "a.dcm", [B_VALUE])
    assert index.swept("folder", [B_VALUE]) == {"a.dcm": None}


def test_how_many_objects_a_study_had_is_noted_with_the_last_time_it_was_read(index):
    index.sweep("upstream archive", "1.1", [B_VALUE], 2)
    assert index.swept("upstream archive", [B_VALUE]) == {"1.1": 2}
    index.sweep("upstream archive", "1.1", [B_VALUE], 3)
    assert index.swept("upstream archive", [B_VALUE]) == {"1.1": 3}


@given(
    vr=st.sampled_from(["LO", "LT", "PN", "IS", "DS", "FL", "UV", "DA", "TM", "DT"]),
    values=st.lists(
        st.sampled_from(
            ["ab", "AB", "abc", " ab", "a b", "b/c%_", "10", "1e1", "-3", "9", "1030", "10:30",
             "103015.5", "20240131", "2024.01.31", "2024", "202401311030-0500", "Stra\u00dfe",
             "0.1", "9007199254740992", "9007199254740993", "202401310900+0000", "202402"]
        ),
        max_size=12,
    ),
    key=st.sampled_from(
        ["ab", "ab*", "a?c", "*c", "a*", "*b*", "?b", "* ab", "*B*c", "??", "*/*%*", "a*/c*",
         "*STRASSE", "*\u00df*", " ab", "10", "5-20", "-3", "-20", "9-", "1030", "10-11",
         "103010-", "-1029", "20240101-20240229", "-20240131", "2024.01.31", "20240131",
         "2024-2025", "202401311030", "0.1", "0.05-0.1", "9007199254740993",
         "-9007199254740992", "202401311530+0000", "202401-202402", "2023-202401310400-0500"]
    ),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_what_the_database_finds_is_what_matching_says(vr, values, key):
    try:
        condition = parse_key(vr, [key])
    except QueryKeyError:
        return
    with tempfile.TemporaryDirectory() as folder:
        index = AttributeIndex(f"sqlite:///{folder}/log.db")
        for number, value in enumerate(values):
            uids = ("1.1", "1.1.1", f"1.1.1.{number}")
            index.record([Indexed(uids, {B_VALUE: (vr, [value])})])
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
