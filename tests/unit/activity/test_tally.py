import threading

import pytest

from atlas_node.activity import METRICS, Tally
from atlas_node.activity.metrics import (
    DELIVERIES,
    DELIVERY_SECONDS,
    OBJECTS_RECEIVED,
    RECEIVE_SECONDS,
)
from atlas_node.activity.tally import Counts


def test_what_happens_is_counted_by_its_labels():
    tally = Tally()
    tally.add(DELIVERIES, "pacs", "sent")
    tally.add(DELIVERIES, "pacs", "sent", by=2)
    tally.add(DELIVERIES, "pacs", "dead")
    assert tally.counts().totals == {
        ("deliveries", ("pacs", "sent")): 3,
        ("deliveries", ("pacs", "dead")): 1,
    }


def test_a_measured_value_goes_into_the_bucket_that_it_does_not_exceed():
    tally = Tally()
    for seconds in (0.001, 0.0011, 99.0):
        tally.observe(RECEIVE_SECONDS, seconds)
    found = tally.counts().distributions["receive_seconds", ()]
    assert found.counts[:2] == [1, 1]
    assert found.counts[-1] == 1  # above all bounds
    assert found.sum == pytest.approx(99.0021)


def test_threads_lose_no_count():
    tally = Tally()

    def work():
        for _ in range(5000):
            tally.add(OBJECTS_RECEIVED)
            tally.observe(DELIVERY_SECONDS, 0.2, "pacs")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = tally.counts()
    assert counts.totals["objects_received", ()] == 20_000
    assert sum(counts.distributions["delivery_seconds", ("pacs",)].counts) == 20_000


def test_names_that_come_and_go_for_years_take_bounded_memory():
    tally = Tally()
    for number in range(1000):
        tally.add(DELIVERIES, f"pacs-{number}", "sent")
    totals = tally.counts().totals
    assert len(totals) == 257
    assert totals["deliveries", ("other", "other")] == 744


def test_what_was_returned_is_not_counted_further():
    tally = Tally()
    tally.add(OBJECTS_RECEIVED)
    tally.observe(RECEIVE_SECONDS, 0.2)
    before = tally.counts()
    tally.add(OBJECTS_RECEIVED)
    tally.observe(RECEIVE_SECONDS, 0.2)
    assert before.totals["objects_received", ()] == 1
    assert sum(before.distributions["receive_seconds", ()].counts) == 1


def test_counts_survive_json_and_those_of_another_version_are_left_out():
    tally = Tally()
    tally.add(DELIVERIES, "pacs", "sent", by=5)
    tally.observe(DELIVERY_SECONDS, 0.3, "pacs")
    written = tally.counts().to_json()
    written["totals"] += [["of_tomorrow", 3], ["deliveries", "pacs", 3]]
    written["distributions"] += [["receive_seconds", 1.0, [1, 2]], ["of_tomorrow", 1.0, [1]]]
    assert Counts.from_json(written) == tally.counts()


def test_every_metric_has_a_name_of_its_own_and_says_what_it_means():
    assert len({it.name for it in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.help.endswith(".")
        assert (metric.kind == "histogram") == bool(metric.buckets)
        assert sorted(metric.buckets) == list(metric.buckets)
