import os

import pytest

from atlas_node.activity import Publisher, Snapshot, Tally
from atlas_node.errors import LogError


@pytest.fixture
def publish(config):
    """Publishes as a process of the node does."""

    def one(process="receiver-0", ended=False, **gauges):
        config.spool.path.mkdir(parents=True, exist_ok=True)
        snapshot = Snapshot(gauges={(name, ()): value for name, value in gauges.items()})
        publisher = Publisher(config.spool.path, process, Tally(), lambda: snapshot)
        publisher.publish(ended=ended)

    return one


@pytest.fixture
def ready(store, browse):
    return lambda: browse(store).get("/readyz")


def test_a_node_that_receives_is_ready(publish, ready):
    publish(spool_objects=3)

    assert ready().status_code == 200
    assert ready().json() == {
        "status": "ready", "checks": {"receiver": "ok", "spool": "ok", "log": "ok"},
    }  # fmt: skip


@pytest.mark.parametrize("process", [None, "forwarder-0"])
def test_without_a_receiver_it_is_not(publish, ready, config, process):
    config.spool.path.mkdir(parents=True)
    if process:
        publish(process)

    assert ready().status_code == 503
    assert ready().json()["checks"]["receiver"] == "none serves"


def test_a_receiver_that_has_ended_does_not_count(publish, ready):
    publish(ended=True)

    assert ready().json()["checks"]["receiver"] == "none serves"


@pytest.mark.parametrize("full", [{"spool_objects": 1_000_000}, {"spool_bytes": 50 * 2**30}])
def test_with_a_full_spool_it_is_not(publish, ready, full):
    publish(**full)

    assert ready().status_code == 503
    assert ready().json()["checks"]["spool"] == "full"


def test_with_a_full_disk_it_is_not(publish, ready, monkeypatch):
    publish()
    disk = os.statvfs(".")
    none_left = os.statvfs_result((*disk[:4], 0, *disk[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _: none_left)

    assert ready().json()["checks"]["spool"] == "full"


def test_a_log_that_is_away_holds_up_no_object(publish, ready, store, monkeypatch):
    def fail(_):
        raise LogError("log /var/log.db: its disk is full")

    publish()
    monkeypatch.setattr(type(store), "newest", fail)

    assert ready().status_code == 200
    assert ready().json()["checks"]["log"] == "unreadable"
    assert "/var" not in ready().text


def test_the_process_is_healthy_whatever_the_rest_is(store, browse, monkeypatch):
    monkeypatch.setattr(type(store), "newest", lambda _: 1 / 0)

    assert browse(store).get("/healthz").json() == {"status": "ok"}
