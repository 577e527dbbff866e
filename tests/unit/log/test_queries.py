import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import select

from atlas_node.errors import LogError
from atlas_node.log import LogFilter, conditions
from atlas_node.log.schema import runs
from atlas_node.model import DeliveryRecord, DeliveryStatus, ElementStatus


@pytest.fixture
def filled(store, make_object, make_element):
    """One object of Siemens, one of GE with two elements, one without private elements."""
    unknown = make_element(
        "(0043,1039)[0].(0043,1010)", ["1"], creator="GEMS_PARM_01", vr="UN", name="",
        status=ElementStatus.UNKNOWN, reason="no entry in the dictionary",
    )  # fmt: skip
    decoded = make_element(
        "(0043,1001)", [7], creator="GEMS_PARM_01", vr="SS", name="Bitmap of prescan options"
    )
    store.record(
        [
            make_object("o1", [make_element()], received_at=100.0),
            make_object(
                "o2", [decoded, unknown], received_at=200.0, calling_ae="CT_1", patient_id="GE-1",
                study_instance_uid="1.9", modality="CT", manufacturer="GE MEDICAL SYSTEMS",
            ),
            make_object(
                "o3", [], received_at=300.0, manufacturer="Canon", modality="US",
                series_instance_uid="1.7", sop_instance_uid="1.7.1",
            ),
        ]
    )  # fmt: skip
    return store


@pytest.mark.parametrize(
    ("conditions", "objects", "elements"),
    [
        ({}, ["o3", "o2", "o1"], 3),
        ({"creator": "gems_parm_01"}, ["o2"], 2),
        ({"creator": "GEMS*"}, ["o2"], 2),
        ({"creator": "GEMS_PARM%"}, [], 0),
        ({"tag": "(0019,100a)"}, ["o1"], 1),
        ({"tag": "0019,xx0a"}, ["o1"], 1),
        ({"tag": "0043,1010"}, ["o2"], 1),
        ({"tag": "0019,110a"}, [], 0),
        ({"vr": "ss"}, ["o2"], 1),
        ({"name": "PRESCAN"}, ["o2"], 1),
        ({"name": "%"}, [], 0),
        ({"status": "unknown"}, ["o2"], 1),
        ({"status": "refused"}, [], 0),
        ({"vr": "SS", "status": "unknown"}, [], 0),
        ({"patient_id": "GE-1"}, ["o2"], 2),
        ({"patient_id": "GE"}, [], 0),
        ({"study_uid": "1.9"}, ["o2"], 2),
        ({"since": "1970-01-01T00:03:20Z"}, ["o3", "o2"], 2),
        ({"until": "1970-01-01T00:03:20Z"}, ["o1"], 1),
        ({"since": "1970-01-01T00:03:20Z", "until": "1970-01-01T00:05Z"}, ["o2"], 2),
        ({"series_uid": "1.7"}, ["o3"], 0),
        ({"series_uid": "1"}, [], 0),
        ({"sop_uid": "1.7.1"}, ["o3"], 0),
        ({"sop_uid": "1.7.1", "object_id": "o1"}, [], 0),
        ({"sop_uid": "1.7.1", "until": "1970-01-01T00:05Z"}, [], 0),
        ({"calling_ae": "ct_1"}, ["o2"], 2),
        ({"calling_ae": "ctx1"}, [], 0),
        ({"modality": "us"}, ["o3"], 0),
        ({"manufacturer": "medical"}, ["o2"], 2),
        ({"object_id": "o1"}, ["o1"], 1),
        ({"name": "'; DROP TABLE objects; --"}, [], 0),
    ],
)
def test_a_filter_gives_what_fits(filled, conditions, objects, elements):
    wanted = LogFilter.from_text(conditions)

    assert [found.object.object_id for found in filled.objects(wanted, 10)] == objects
    assert len(filled.elements(wanted, 10)) == elements


def test_pages_of_objects_meet_and_do_not_overlap(store, make_object):
    store.record([make_object(f"o{number}") for number in range(7)])

    pages, before = [], None
    while page := store.objects(LogFilter(), 3, before):
        pages.append([found.object.object_id for found in page])
        before = page[-1].seq
        store.record([make_object(f"later{before}")])

    assert pages == [["o6", "o5", "o4"], ["o3", "o2", "o1"], ["o0"]]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 200])
def test_pages_of_elements_meet_and_do_not_overlap(store, make_object, make_element, size):
    # 30 objects: more than are looked into at once.
    elements = [make_element(f"(0019,10{n:02x})", [n % 2]) for n in range(3)]
    store.record([make_object(f"o{number:02}", elements) for number in range(30)])

    found, before = [], None
    while page := store.elements(LogFilter(creator="SIEMENS*"), size, before):
        found += [(element.object_id, element.element.path) for element in page]
        before = page[-1].cursor

    assert found == [
        (f"o{number:02}", f"(0019,10{n:02x})") for number in range(29, -1, -1) for n in range(3)
    ]


def test_a_follower_sees_every_element_once_in_order(store, make_object, make_element):
    seen = store.newest()
    store.record([make_object(f"o{n}", [make_element(value=[n])]) for n in range(60)])

    values, rounds = [], 0
    while True:
        elements, now = store.after(LogFilter(), seen)
        if now == seen:
            break
        seen = now
        rounds += 1
        values += [element.element.value[0] for element in elements]

    assert values == list(range(60))
    assert rounds == 2
    assert store.after(LogFilter(), seen) == ((), seen)


def test_a_follower_of_large_objects_gets_a_few_at_a_time(store, make_object, make_element):
    elements = [make_element(f"(0019,10{n:02x})") for n in range(0x10, 0xFF)]
    store.record([make_object(f"o{n}", elements) for n in range(12)])

    first, seen = store.after(LogFilter(), 0)
    rest, last = store.after(LogFilter(), seen)

    assert (len(first), seen) == (5 * len(elements), 5)
    assert [it.object_id for it in (*first, *rest)] == [
        f"o{n}" for n in range(seen + seen) for _ in elements
    ]
    assert store.after(LogFilter(), last)[1] == 12


def test_the_state_changes_with_objects_and_deliveries(store, make_object):
    states = [store.state()]
    store.record([make_object()])
    states.append(store.state())
    store.record([], [("o1", DeliveryRecord("pacs", DeliveryStatus.SENT, 1, 5.0))])
    states.append(store.state())
    store.record([make_object()])

    assert len(set(states)) == 3
    assert store.state() == states[-1]


def test_totals_count_objects_and_elements(filled):
    totals = filled.totals(LogFilter(since=150.0))

    assert (totals.objects, totals.private) == (2, 2)
    assert totals.by_status[ElementStatus.DECODED] == 1
    assert totals.by_status[ElementStatus.UNKNOWN] == 1


def test_runs_that_are_parted_by_a_page_or_a_time_lose_no_object(store, make_object, make_element):
    # Three series come at the same time, one of them with two kinds of objects.
    for number in range(90):
        kind = make_element(vr="SS") if number % 9 == 0 else make_element()
        series = f"1.2.{number % 3}"
        store.record(
            [make_object(f"o{number:02}", [kind], float(number), series_instance_uid=series)]
        )

    times = [(since, None) for since in (None, 0.0, 31.5, 89.0, 90.0)]
    for since, until in (*times, (None, 0.0), (None, 31.5), (None, 89.0), (12.0, 61.0)):
        for vr, step in (("SS", 9), (None, 1)):
            wanted = LogFilter(since=since, until=until, vr=vr)
            expected = [
                f"o{n:02}"
                for n in range(89, -1, -1)
                if (since or 0) <= n < (until if until is not None else 90) and n % step == 0
            ]
            found, before = [], None
            while page := store.objects(wanted, 4, before):
                found += [it.object.object_id for it in page]
                before = page[-1].seq
            assert found == expected
            if vr is None:
                assert store.totals(wanted).objects == len(expected)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (LogFilter(sop_uid="1.7.1"), "ix_objects_sop_instance_uid"),
        (LogFilter(series_uid="1.7"), "ix_series_series_uid"),
    ],
)
def test_an_instance_and_a_series_are_found_by_an_index(filled, url, wanted, index):
    query = select(runs.c.id).where(*conditions.of_runs(wanted))
    plain = str(query.compile(compile_kwargs={"literal_binds": True}))

    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {plain}")]

    assert any(index in step for step in steps)
    assert not any(step.startswith("SCAN") for step in steps)


def test_totals_of_one_object(filled):
    assert filled.totals(LogFilter(object_id="o2")).private == 2
    assert filled.totals(LogFilter(object_id="o2", since=250.0)).objects == 0


def test_a_log_whose_content_is_damaged_is_one_line(filled, url):
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE runs SET common = x'78ff'")
        connection.commit()

    with pytest.raises(LogError, match=r"log\.db: its content is damaged: move it away"):
        filled.object("o2")
