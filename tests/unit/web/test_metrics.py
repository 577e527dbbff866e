import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from atlas_node.activity import METRICS, Publisher, Snapshot, Tally
from atlas_node.activity.metrics import DELIVERIES, DELIVERY_SECONDS, OBJECTS_RECEIVED
from atlas_node.config import load_config
from atlas_node.errors import LogError


@pytest.fixture
def tally(config):
    tally = Tally()
    tally.add(OBJECTS_RECEIVED, by=7)
    tally.add(DELIVERIES, 'odd"name\\\n', "sent", by=2)
    for seconds in (0.003, 0.2, 99.0):
        tally.observe(DELIVERY_SECONDS, seconds, "pacs")
    Publisher(config.spool.path, "receiver-0", tally, Snapshot).publish()
    return tally


def families(text, parse=text_format):
    return {it.name: it for it in parse(text)}


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_format(text)
        for sample in family.samples
    }


def test_counters_gauges_and_histograms_are_as_prometheus_reads_them(store, browse, tally):
    answer = browse(store).get("/metrics")
    found = samples(answer.text)

    assert answer.headers["content-type"].startswith("text/plain")
    assert found["atlas_objects_received_total",] == 7
    odd = (("destination", 'odd"name\\\n'), ("outcome", "sent"))
    assert found["atlas_deliveries_total", *odd] == 2
    buckets = {
        labels[1][1]: count
        for (name, *labels), count in found.items()
        if name == "atlas_delivery_seconds_bucket"
    }
    assert (buckets["0.001"], buckets["0.005"], buckets["0.25"], buckets["+Inf"]) == (0, 1, 2, 3)
    assert found["atlas_delivery_seconds_sum", ("destination", "pacs")] == pytest.approx(99.203)
    assert found["atlas_processes", ("state", "serving")] == 1
    assert found["atlas_log_readable",] == 1


def test_every_metric_is_there_before_anything_was_counted(store, browse):
    found = families(browse(store).get("/metrics").text)

    assert {f"atlas_{it.name}" for it in METRICS} <= set(found)
    assert all(family.documentation for family in found.values())
    assert {f"atlas_{it.name}": it.kind for it in METRICS}.items() <= {
        name: family.type for name, family in found.items()
    }.items()


def test_open_metrics_is_spoken_to_whoever_asks_for_it(store, browse, tally):
    accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
    answer = browse(store).get("/metrics", headers=accept)

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert "atlas_objects_received" in families(answer.text, openmetrics)


def test_nothing_of_a_patient_or_a_peer_is_in_it(store, browse, tally):
    text = browse(store).get("/metrics").text

    for secret in ("PAT-007", "MR1", "192.0.2.7"):
        assert secret not in text


def test_a_log_that_is_away_is_a_number(store, browse, monkeypatch):
    def fail(_):
        raise LogError("away")

    monkeypatch.setattr(type(store), "newest", fail)

    assert samples(browse(store).get("/metrics").text)["atlas_log_readable",] == 0


def test_a_dictionary_that_cannot_be_used_is_left_out(store, browse, tmp_path):
    (tmp_path / "bad.dic").write_bytes(b"\xff" * 100)
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text() + "dictionary: {paths: [bad.dic]}\n")

    found = families(browse(store, load_config(path, {})).get("/metrics").text)
    assert "atlas_dictionary_entries" not in found
    assert "atlas_spool_max_bytes" in found


def test_it_asks_for_a_password_where_the_viewer_does(store, browse, make_config):
    settings = make_config(web="{auth: {user: a, password: b}}")

    assert browse(store, settings).get("/metrics").status_code == 401
