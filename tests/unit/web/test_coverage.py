import json
import re

import pytest
from starlette.testclient import TestClient

from atlas_dictionary import open_layers
from atlas_node.annotate import Annotator
from atlas_node.model import ElementStatus, Policy
from atlas_node.web import create_app
from atlas_node.web.means import Means
from tests.unit.web.conftest import element

LOGGED = (b"1.5 ", b"22.75 ", b"-3")
CREATOR = "ACME 1.0"


def unknown(value: bytes, creator: str = CREATOR):
    return element(
        "(0099,1001)", creator=creator, key="(0099,xx01)", vr="UN", vm="", name="",
        status=ElementStatus.UNKNOWN, reason="no entry in the dictionary", value=[value.hex()],
        sources=(), confidence=0.0,
    )  # fmt: skip


@pytest.fixture
def filled(empty_store, make_object):
    for number, value in enumerate(LOGGED):
        empty_store.record([
            make_object(
                f"o{number}", [unknown(value), element("(0019,100a)")], manufacturer="ACME",
                model="One", software_versions=f"V{number % 2}", series_instance_uid=f"1.{number}",
            )
        ])  # fmt: skip
    empty_store.record([make_object("o9", [unknown(b"7 ", creator="")], manufacturer="ACME")])
    return empty_store


@pytest.fixture
def client(filled, browse):
    return browse(filled)


@pytest.fixture
def post(client):
    """Sends a form of the page as a browser would, with the token that the page has."""

    def send(address: str, **fields: str):
        page = client.get(f"/coverage/entry?creator={CREATOR}&element=(0099,xx01)").text
        token = re.search(r'name="csrf" value="([^"]*)"', page)[1]
        return client.post(address, data={"csrf": token, **fields})

    return send


ENTRY = {
    "creator": CREATOR, "group": "0099", "element": "xx01", "vr": "DS", "vm": "1",
    "name": "Gate delay",
}  # fmt: skip


def test_an_empty_log_says_what_to_do_next(empty_store, browse):
    assert "The live page" in browse(empty_store).get("/coverage").text


def test_shares_are_of_what_came_without_a_vr(client):
    found = client.get("/api/coverage").json()

    assert found["share"] == 3 / 7
    assert [(it["manufacturer"], it["share"]) for it in found["vendors"]] == [("ACME", 3 / 7)]
    versions = {it["software"]: it["objects"] for it in found["vendors"][0]["devices"]}
    assert versions == {"V0": 2, "V1": 1, "": 1}
    assert "42.9 %" in client.get("/coverage").text


def test_undecoded_elements_have_samples_and_a_way_to_an_entry(client):
    page = client.get("/coverage").text
    first, second = client.get("/api/coverage").json()["undecoded"]

    assert (first["creator"], first["objects"], first["devices"]) == (CREATOR, 3, ["ACME One"])
    # Those of the newest and of the oldest series.
    assert {it["value"][0] for it in first["samples"]} == {LOGGED[0].hex(), LOGGED[2].hex()}
    assert second["creator"] == ""
    assert "/coverage/entry?creator=ACME+1.0&amp;element=%280099%2Cxx01%29" in page
    assert "cannot have one" in page


def test_nothing_that_stayed_for_a_reason_is_said(client):
    assert "No refused elements" in client.get("/coverage?status=refused").text


def test_the_form_says_which_vr_the_logged_values_fit(client):
    address = f"/coverage/entry?creator={CREATOR}&element=(0099,xx01)"
    found = client.get(f"/api{address}").json()
    fits = {it["vr"]: it["fits"] for it in found["readings"]}

    assert found["known"] == 3
    assert (fits["DS"], fits["IS"], fits["US"], fits["FD"]) == (3, 1, 3, 0)
    page = client.get(address).text
    assert "all 3" in page
    assert "1 of 3" in page
    assert "22.75" in page


def test_an_entry_is_kept_and_decodes_what_fits_it_alone(client, post, config, make_data_set):
    answer = post("/coverage/entry", **ENTRY)

    assert answer.status_code == 303
    page = client.get(answer.headers["location"]).text
    assert "<strong>Saved:</strong> DS, Gate delay" in page
    assert "systemctl reload atlas-node" in page
    dictionary = open_layers(config.dictionaries, {})
    assert dictionary.private(CREATOR, 0x0099, 1).sources[0].detail.startswith("site, by local, ")

    annotator = Annotator(dictionary)
    assert "DS" in vrs(annotator, make_data_set(b"1.5 "))
    assert "DS" not in vrs(annotator, make_data_set(b"abcd")), "a wrong VR is never written"


def test_the_audit_trail_has_each_change(client, post, config):
    post("/coverage/entry", **ENTRY)
    post("/coverage/remove", creator=CREATOR, element="(0099,xx01)")

    trail = config.spool.path.with_name("audit.jsonl").read_text().splitlines()
    said = [
        (it["action"], it["subject"], it["detail"])
        for it in map(json.loads, trail)
        if it["stage"] == "outcome"
    ]
    assert said == [
        ("dictionary.add", "(0099,xx01) ACME 1.0", "DS 1 Gate delay"),
        ("dictionary.remove", "(0099,xx01) ACME 1.0", "DS"),
    ]


def test_a_vr_that_no_logged_value_fits_is_refused(client, post, config):
    answer = post("/coverage/entry", **ENTRY | {"vr": "FD"})

    assert answer.status_code == 409
    assert "No logged value can be FD" in answer.text
    assert not config.site_dictionary.exists()


def test_a_vr_that_some_values_do_not_fit_is_asked_for_twice(client, post, config):
    answer = post("/coverage/entry", **ENTRY | {"vr": "IS"})
    assert answer.status_code == 409
    assert "2 of the 3 logged values cannot be IS" in answer.text
    assert not config.site_dictionary.exists()

    again = post("/coverage/entry", **ENTRY | {"vr": "IS", "anyway": "yes"})
    assert again.status_code == 303
    assert config.site_dictionary.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"vr": ""}, "vr: expected one VR"),
        ({"creator": ""}, "creator: "),
        ({"group": "0098"}, "even group"),
        ({"element": "q"}, "element: "),
        ({"vm": "x"}, "vm: expected a VM"),
    ],
)
def test_what_is_typed_wrong_is_said_and_nothing_is_saved(post, config, wrong, said):
    answer = post("/coverage/entry", **ENTRY | wrong)

    assert answer.status_code == 400
    assert said in answer.text
    assert not config.site_dictionary.exists()


@pytest.mark.parametrize("address", ["entry", "remove", "reload"])
def test_a_change_needs_its_token(client, config, address):
    assert client.post(f"/coverage/{address}", data=ENTRY).status_code == 403
    assert not config.site_dictionary.exists()


def test_an_entry_is_listed_replaced_and_taken_out(client, post):
    post("/coverage/entry", **ENTRY)
    assert "Replace the entry" in post_page(client)
    post("/coverage/entry", **ENTRY | {"vr": "LO"})

    assert "entry: LO" in client.get("/coverage").text
    assert post("/coverage/remove", creator=CREATOR, element="(0099,xx01)").status_code == 303
    assert "None yet." in client.get("/coverage").text
    assert post("/coverage/remove", creator=CREATOR, element="(0099,xx01)").status_code == 404


def test_a_name_is_text_on_every_page(client, post):
    post("/coverage/entry", **ENTRY | {"name": "<script>alert(1)</script>"})

    for page in (client.get("/coverage").text, post_page(client)):
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


def test_the_node_beside_the_viewer_is_told_to_reload(filled, config):
    asked = []
    means = Means(reload=lambda: asked.append(True))
    client = TestClient(
        create_app(filled, config, means), base_url="http://127.0.0.1:8080", follow_redirects=False
    )
    page = client.get(f"/coverage/entry?creator={CREATOR}&element=(0099,xx01)").text
    token = re.search(r'name="csrf" value="([^"]*)"', page)[1]

    client.post("/coverage/entry", data=ENTRY | {"csrf": token})
    assert "Reload the node" in client.get("/coverage").text
    answer = client.post("/coverage/reload", data={"csrf": token})

    assert asked == [True]
    assert "told to read its dictionary again" in client.get(answer.headers["location"]).text


def test_a_viewer_without_a_node_cannot_reload_it(post):
    assert post("/coverage/reload").status_code == 409


def test_masked_values_are_not_guessed_at(empty_store, browse, make_object, make_config):
    masked = element("(0099,1001)", creator=CREATOR, key="(0099,xx01)", vr="UN", value=["****"],
                     status=ElementStatus.UNKNOWN)  # fmt: skip
    empty_store.record([make_object("o1", [masked])])
    client = browse(empty_store, make_config(log=", values: masked"))

    page = client.get(f"/coverage/entry?creator={CREATOR}&element=(0099,xx01)").text
    assert "a VR cannot be checked here" in page


@pytest.fixture
def make_data_set():
    def make(value: bytes) -> bytes:
        """Return an explicit VR little endian data set with one `UN` element of ACME."""
        creator = CREATOR.encode()
        return (
            b"\x99\x00\x10\x00LO" + len(creator).to_bytes(2, "little") + creator
            + b"\x99\x00\x01\x10UN\0\0" + len(value).to_bytes(4, "little") + value
        )  # fmt: skip

    return make


def vrs(annotator: Annotator, data: bytes) -> list[str]:
    annotation = annotator.annotate(memoryview(data), "1.2.840.10008.1.2.1", Policy.DECODE)
    return [it.vr for it in annotation.elements()]


def post_page(client) -> str:
    return client.get(f"/coverage/entry?creator={CREATOR}&element=(0099,xx01)").text
