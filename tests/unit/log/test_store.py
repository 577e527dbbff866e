import json
import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from atlas_node.errors import LogError
from atlas_node.log import Facts, LogFilter, LogStore, coding
from atlas_node.model import DeliveryRecord, DeliveryStatus, ElementStatus

EVERYTHING = LogFilter()


def count(url, table):
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    finally:
        connection.close()


def test_an_object_comes_back_as_it_was_recorded(store, make_object, make_element):
    elements = (
        make_element("(0019,100a)", [36]),
        make_element("(0029,1010)", ["53563130"], vr="OB", truncated=True),
        make_element(
            "(2005,140f)[0].(2005,1013)",
            None,
            status=ElementStatus.UNKNOWN,
            reason="no entry in the dictionary",
            vr="UN",
            sources=(),
            confidence=0.0,
        ),
    )
    recorded = make_object(elements=elements)
    sent = DeliveryRecord("pacs", DeliveryStatus.SENT, 1, 1_700_000_001.0, "0x0000 Success")

    store.record([recorded], [("o1", sent)])

    found = store.object("o1")
    assert found.object == recorded
    assert found.deliveries == (sent,)
    assert store.object("another") is None


def test_elements_come_in_the_order_of_the_object(store, make_object, make_element):
    paths = [f"(0019,10{n:02x})" for n in (3, 1, 2)]
    nested = [f"(0021,1001)[{item}].(0021,1002)" for item in (10, 9, 0)]
    store.record(
        [make_object(elements=[make_element(p) for p in (*nested, "(0021,1001)", *paths)])]
    )

    found = [element.path for element in store.object("o1").object.elements]

    assert found == [*nested, "(0021,1001)", *paths]


def test_an_object_is_recorded_once(store, url, make_object, make_element):
    first = make_object(elements=[make_element()])
    store.record([first, first])
    store.record([first, make_object("o2", elements=[make_element()])])

    assert [found.object.object_id for found in store.objects(EVERYTHING, 10)] == ["o2", "o1"]
    assert count(url, "objects") == 2


def differing(url):
    """Return for each object the values that are not its run's, by place."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        rows = connection.execute("SELECT differing FROM objects ORDER BY seq").fetchall()
    return [None if row[0] is None else coding.unpack_json(row[0]) for row in rows]


def test_what_repeats_over_a_series_is_stored_once(store, url, make_object, make_element):
    series = [
        make_object(f"o{n}", [make_element(), make_element("(0019,100b)", [n])]) for n in range(50)
    ]
    store.record(series[:25])
    store.record(series[25:])

    for table in ("series", "layouts", "runs"):
        assert count(url, table) == 1
    assert count(url, "findings") == 2
    assert differing(url) == [None] + [{"1": [n]} for n in range(1, 50)]


def test_a_log_that_is_opened_again_goes_on_with_the_run(url, make_object, make_element):
    for number in range(3):
        with LogStore.open(url) as store:
            store.record([make_object(f"o{number}", [make_element(value=["cut"], truncated=True)])])

    assert count(url, "runs") == 1
    assert differing(url) == [None, None, None]


def test_objects_that_have_little_in_common_with_the_first_begin_a_new_run(
    store, url, make_object, make_element
):
    def thing(number):
        text = "first" if number == 0 else "later"
        elements = [make_element(f"(0019,10{n:02x})", [f"{text} {n}" * 5]) for n in range(30)]
        return make_object(f"o{number}", elements)

    things = [thing(number) for number in range(6)]
    store.record(things)

    assert count(url, "runs") == 2
    assert differing(url) == [None] * 6
    assert [store.object(it.object_id).object for it in things] == things


def test_facts_give_what_their_records_give(store, make_object, make_element):
    records = {
        ("a", 1): make_element(value=[1]),
        ("a", 2): make_element(value=[2]),
        ("b", 1): make_element("(0019,100b)", None, reason="why", status=ElementStatus.UNKNOWN),
    }
    made = []

    def record_of(fact):
        made.append(fact)
        return records[fact]

    def value_of(fact):
        return records[fact].value, records[fact].truncated

    def thing(object_id, *wanted):
        return replace(make_object(object_id), elements=Facts(lambda: wanted, record_of, value_of))

    first = thing("o1", ("a", 1), ("b", 1))
    again = thing("o2", ("a", 1), ("b", 1))
    other = thing("o3", ("a", 2), ("b", 1), ("a", 1))
    store.record([first, again])
    store.record([other])

    # A record is made for a finding that was not met before, and for nothing else.
    assert made == [("a", 1), ("b", 1)]
    for it in (first, again, other):
        assert store.object(it.object_id).object.elements == tuple(it.elements)


def test_an_instance_that_comes_again_is_told_from_one_with_other_bytes(store, make_object, caplog):
    def thing(object_id, fingerprint):
        return replace(
            make_object(object_id, sop_instance_uid="1.2.3.4.5"), fingerprint=fingerprint
        )

    store.record([thing("o1", 7), thing("o2", 7), thing("o3", 8)])
    assert "with other bytes: o3" in caplog.text
    store.record([thing("o4", 8), thing("o5", 9), thing("o6", None)])
    store.record([replace(make_object("o7", sop_instance_uid=""), fingerprint=7)])

    assert [it.again for it in reversed(store.objects(EVERYTHING, 10))] == [
        "", "same", "other", "same", "other", "", "",
    ]  # fmt: skip
    assert store.object("o3").object.fingerprint == 8


def test_the_log_says_which_objects_it_has(store, make_object):
    store.record([make_object("o1"), make_object("o2")])

    assert store.known(["o2", "o3"]) == {"o2"}
    assert store.known([]) == frozenset()


def test_a_delivery_is_kept_by_its_destination_the_later_one_winning(store, make_object):
    failed = DeliveryRecord("pacs", DeliveryStatus.FAILED, 1, 10.0, "refused", 20.0)
    sent = DeliveryRecord("pacs", DeliveryStatus.SENT, 2, 20.0, "0x0000")
    other = DeliveryRecord("archive", DeliveryStatus.PENDING, 0, 5.0)
    store.record([make_object()], [("o1", failed), ("o1", other), ("o1", sent)])
    store.record([], [("o1", failed)])

    assert store.object("o1").deliveries == (other, sent)


def test_a_delivery_of_an_object_that_the_log_has_not_is_left_out(store, url, make_object):
    dropped = DeliveryRecord("pacs", DeliveryStatus.DROPPED, 3, 5.0)
    store.record([], [("o1", dropped)])
    store.record([make_object()])
    assert store.objects(EVERYTHING, 1)[0].deliveries == ()

    store.record([], [("o1", dropped)])
    assert store.objects(EVERYTHING, 1)[0].deliveries == (dropped,)


def test_nothing_of_a_batch_is_written_when_one_object_fails(store, make_object, make_element):
    good = make_object("o1", elements=[make_element()])
    bad = make_object("o2", elements=[make_element(confidence="not a number")])
    with pytest.raises(LogError):
        store.record([good, bad])

    assert store.objects(EVERYTHING, 10) == ()
    store.record([good])
    assert store.object("o1").object == good


def write_many(url, first, start):
    from atlas_node.model import AnnotatedObject, ElementRecord, Envelope, Identity

    start.wait(30)
    with LogStore.open(url) as store:
        for number in range(first, first + 20):
            element = ElementRecord(
                "(0019,100a)", "ACME", "(0019,xx0a)", "UN", "US", "1", "Number",
                ElementStatus.DECODED, "", [number % 7], False, ("acme",), 1.0,
            )  # fmt: skip
            envelope = Envelope(float(number), "MR1", "ATLAS", "192.0.2.7", "1.2", "1.2.3", "1.2.4")
            counts = {"private": 1, "decoded": 1}
            store.record(
                [
                    AnnotatedObject(
                        f"o{number}", envelope, Identity(), 1, True, None, counts, (element,)
                    )
                ]
            )


def test_two_processes_create_and_fill_one_log_at_the_same_time(url):
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    writers = [context.Process(target=write_many, args=(url, first, start)) for first in (0, 20)]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join(60)

    assert [writer.exitcode for writer in writers] == [0, 0]
    with LogStore.open(url, read_only=True) as store:
        assert len(store.objects(EVERYTHING, 100)) == 40
        assert len(store.elements(EVERYTHING, 100)) == 40
    assert count(url, "findings") == 1
    assert count(url, "runs") == 1


def test_threads_may_share_a_store(store, make_object, make_element):
    def record(number):
        store.record([make_object(f"o{number}", [make_element(value=[number])])])
        return store.object(f"o{number}").object.elements[0].value

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(record, range(20))) == [[number] for number in range(20)]


def test_a_writer_notices_that_another_process_expired_what_it_remembers(
    url, make_object, make_element
):
    old = make_object("o1", [make_element()], received_at=100.0)
    again = make_object("o2", [make_element()], received_at=200.0)
    with LogStore.open(url) as writer, LogStore.open(url) as cleaner:
        writer.record([old])
        cleaner.expire(150.0)
        writer.record([again])

        assert writer.object("o2").object == again


@pytest.mark.parametrize(
    ("values", "value", "kept", "patient"),
    [
        ("full", ["Doe^Jane 1970", 1.5], ["Doe^Jane 1970", 1.5], "PAT-007"),
        ("masked", ["Doe^Jane 1970", 1.5], ["***^**** ****", "*"], "***-***"),
        ("none", ["Doe^Jane 1970", 1.5], None, ""),
        ("masked", None, None, "***-***"),
    ],
)
def test_values_are_masked_before_they_are_written(
    url, make_object, make_element, values, value, kept, patient
):
    with LogStore.open(url, values) as store:
        store.record([make_object(elements=[make_element(value=value)])])
        found = store.object("o1").object

    assert found.elements[0].value == kept
    assert found.identity.patient_id == patient
    if values != "full":
        content = Path(url.removeprefix("sqlite:///")).read_bytes()
        assert b"Jane" not in content
        assert b"007" not in content


def test_an_unknown_setting_of_values_is_refused(url):
    with pytest.raises(LogError, match="expected one of full, masked, none, found 'half'"):
        LogStore.open(url, "half")


HOSTILE = [
    "<script>alert(1)</script>",
    "\x1b[31mred\x1b[0m",
    "'; DROP TABLE objects; --",
    "nul \0 and lone \ud800 surrogate",
    "\u202etxt.exe",
    "x" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_stored_as_they_are(store, make_object, make_element, text):
    store.record([make_object(elements=[make_element(value=[text])])])

    assert store.object("o1").object.elements[0].value == [text]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_anywhere_else_is_made_storable(store, make_object, make_element, text):
    hostile = make_object(
        elements=[make_element(creator=text, name=text, reason=text, key=text)],
        calling_ae=text,
        patient_id=text,
        manufacturer=text,
    )
    store.record([hostile], [("o1", DeliveryRecord("pacs", DeliveryStatus.DEAD, 1, 1.0, text))])

    found = store.object("o1")
    shown = found.object.elements[0].creator
    assert len(shown) <= 600
    assert shown[:20] == text[:20].replace("\0", "\ufffd").replace("\ud800", "?")
    json.dumps(found.object.elements[0].to_json()).encode()


def test_numbers_that_json_lacks_are_kept_as_text(store, make_object, make_element):
    values = [1.5, float("nan"), float("inf"), float("-inf")]
    store.record([make_object(elements=[make_element(value=values)])])

    assert store.object("o1").object.elements[0].value == [1.5, "nan", "inf", "-inf"]


def test_a_log_that_was_overwritten_is_one_line(store, url, make_object):
    store.close()
    with Path(url.removeprefix("sqlite:///")).open("r+b") as file:
        file.write(b"\0" * 4096)

    with pytest.raises(LogError, match=r"log\.db: it is no SQLite database") as caught:
        store.record([make_object()])
    assert "\n" not in str(caught.value)
