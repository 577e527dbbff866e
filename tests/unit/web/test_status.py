import re

import pytest

from atlas_node.activity import DestinationState, Interval, Publisher, Snapshot, Tally
from atlas_node.activity.metrics import ELEMENTS, RECEIVE_SECONDS
from atlas_node.config import load_config
from atlas_node.errors import PeerError
from atlas_node.web import create_app
from atlas_node.web.means import Means
from atlas_node.web.standing import _quantile, rates
from atlas_node.web.status import chart

PEERS = """
destinations:
  - {name: pacs, ae_title: PACS, host: 127.0.0.1, port: 11113}
upstreams:
  - {name: archive, ae_title: ARCHIVE, host: 127.0.0.1, port: 4242}
"""


@pytest.fixture
def with_peers(config, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text() + PEERS)
    return load_config(path, {})


@pytest.fixture
def open_status(store, browse, with_peers):
    """Open the viewer of a node that can ask its peers: `echo` stands for the network."""

    def open_one(echo=lambda peer: None):
        client = browse(store, with_peers)
        client.app = create_app(store, with_peers, Means(echo))
        client._transport.app = client.app
        return client

    return open_one


def publish(config, tally=None, process="receiver-0", **snapshot):
    Publisher(config.spool.path, process, tally or Tally(), lambda: Snapshot(**snapshot)).publish()


def csrf(client):
    return client.get("/api/visitor").json()["csrf"]


def test_without_a_node_the_page_says_how_to_start_one(store, browse):
    page = browse(store).get("/status").text

    assert "No process of the node serves." in page
    assert "atlas-node serve" in page


def test_what_the_processes_publish_is_on_the_page(store, browse, config):
    tally = Tally()
    gauges = {("spool_objects", ()): 12.0, ("log_lag_seconds", ()): 90.0}
    publisher = Publisher(config.spool.path, "receiver-0", tally, lambda: Snapshot(gauges=gauges))
    tally.add(ELEMENTS, "decoded", by=1500)
    tally.observe(RECEIVE_SECONDS, 0.004)
    publisher.publish()
    page = browse(store).get("/status").text

    assert "No process of the node serves." not in page
    for text in ("receiver-0", "serving", "1,500", ">12<", "90 s", "ATLAS"):
        assert text in page
    assert re.search(r"C-STORE answered</dt><dd>\d\.\d ms", page)


def test_the_part_that_changes_comes_by_itself(store, browse, config):
    client = browse(store)
    [polled] = re.findall(r'hx-get="([^"]+)"', client.get("/status").text)
    publish(config)

    part = client.get(polled).text
    assert "<html" not in part
    assert "receiver-0" in part
    assert f'hx-get="{polled}"' in part


def test_a_destination_is_shown_as_its_last_tries_left_it(store, browse, with_peers):
    state = DestinationState(
        waiting=120, retrying=12, dead=2, answered_at=1.0, failed_at=2.0, failure="refused <b>"
    )
    publish(with_peers, process="forwarder-0", destinations={"pacs": state})
    client = browse(store, with_peers)

    page = client.get("/status").text
    assert "not reachable" in page
    assert "refused &lt;b&gt;" in page
    [pacs] = client.get("/api/status").json()["destinations"]
    assert (pacs["reachable"], pacs["waiting"], pacs["dead"]) == (False, 120, 2)
    assert pacs["failed_at"] == "1970-01-01T00:00:02.000+00:00"


def test_a_full_spool_is_a_warning(store, browse, config):
    publish(config, gauges={("spool_objects", ()): 1_000_000.0})

    assert "The spool is full:" in browse(store).get("/status").text


def test_the_layers_of_the_dictionary_are_told_apart(store, browse, tmp_path):
    (tmp_path / "site.dic").write_text(
        '(0019,"SITE",0a)\tUS\tSiteNumber\t1\tPrivateTag\n', encoding="ascii"
    )
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text() + "dictionary: {paths: [site.dic]}\n")
    found = browse(store, load_config(path, {})).get("/api/status").json()["dictionary"]

    assert [layer["entries"] for layer in found["layers"]] == [found["entries"] - 1, 1]
    assert found["layers"][1]["file"].endswith("site.dic")


# The button


def test_an_operator_can_ask_a_peer(open_status):
    asked = []
    client = open_status(lambda peer: asked.append(peer.ae_title))
    form = {"csrf": csrf(client), "kind": "upstream", "name": "archive"}

    answer = client.post("/status/echo", data=form)

    assert answer.status_code == 303
    assert asked == ["ARCHIVE"]
    assert ">answers</span>" in client.get("/status").text
    [entry] = client.app.state.site.trail.newest(5)
    assert (entry.action, entry.subject, entry.detail) == (
        "peer.echo", "upstream archive", "answered",
    )  # fmt: skip


def test_what_a_peer_says_instead_is_shown(open_status):
    def refuse(peer):
        raise PeerError(f"{peer.name}: rejected <img>")

    client = open_status(refuse)
    form = {"kind": "destination", "name": "pacs"}
    answer = client.post("/api/status/echo", json=form, headers={"X-CSRF-Token": csrf(client)})

    assert (answer.json()["ok"], answer.json()["detail"]) == (False, "pacs: rejected <img>")
    assert "pacs: rejected &lt;img&gt;" in client.get("/status").text


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"kind": "destination", "name": "archive"}, 404),
        ({"kind": "elsewhere", "name": "pacs"}, 400),
        ({}, 400),
    ],
)
def test_nobody_else_is_asked(open_status, form, code):
    client = open_status(lambda peer: 1 / 0)

    answer = client.post("/api/status/echo", json=form, headers={"X-CSRF-Token": csrf(client)})
    assert answer.status_code == code


def test_a_viewer_without_the_network_has_no_button(store, browse, with_peers):
    client = browse(store, with_peers)
    form = {"csrf": csrf(client), "kind": "destination", "name": "pacs"}

    assert "Ask now" not in client.get("/status").text
    assert client.post("/api/status/echo", data=form).status_code == 501


# The audit trail


def test_the_trail_is_on_the_page_of_an_operator(open_status):
    client = open_status()
    client.post("/status/echo", data={"csrf": csrf(client), "kind": "upstream", "name": "archive"})

    assert "peer.echo" in client.get("/status").text
    [entry] = client.get("/api/audit").json()["entries"]
    assert (entry["who"], entry["how"]) == ("local", "local")


def test_a_viewer_does_not_see_it(store, browse, make_config):
    hashed = "scrypt:10:1:1:AAAAAAAAAAAAAAAAAAAAAA:MCVSH9Sz7AaH7GNcSYBFDzww1Jpc1mMXKIr9Qs0O9SM"
    settings = make_config(web=f"{{users: [{{name: vera, password_hash: '{hashed}'}}]}}")
    client = browse(store, settings)
    client.auth = ("vera", "sesame")

    assert "Audit trail" not in client.get("/status").text
    assert client.get("/api/audit").status_code == 403


def test_a_trail_that_cannot_be_read_says_why(open_status, with_peers):
    with_peers.spool.path.with_name("audit.jsonl").mkdir(parents=True)

    client = open_status()
    assert "audit.jsonl: Is a directory" in client.get("/status").text
    assert client.get("/api/audit").status_code == 503


# Numbers


def test_rates_are_those_of_a_second():
    intervals = [Interval(10, 40, 4000, 20, 10), Interval(20, 20, 2000, 0, 10)]

    assert rates(intervals) == {"objects": 3.0, "bytes": 300.0, "delivered": 1.0, "recorded": 1.0}
    assert set(rates([]).values()) == {0}


@pytest.mark.parametrize(
    ("totals", "share", "expected"),
    [
        ([0, 0, 0], 0.5, None),
        ([10, 10, 10], 0.5, 0.5),
        ([0, 10, 10], 0.5, 1.5),
        ([5, 10, 10], 0.95, 1.9),
        ([0, 0, 10], 0.5, 2.0),
    ],
)
def test_a_quantile_lies_in_its_bucket(totals, share, expected):
    assert _quantile([1.0, 2.0, float("inf")], totals, share) == expected


def test_the_highest_bar_fills_its_place():
    history = [{"at": "a", "objects": n} for n in (0, 5, 10)]
    drawn = chart("Received", "objects", history)

    assert drawn["most"] == 10
    assert [bar["height"] for bar in drawn["bars"]] == [20, 40]
    assert chart("Received", "objects", [])["bars"] == []
