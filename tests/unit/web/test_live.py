import html
import re
import time
from dataclasses import replace

import pytest

from atlas_node.log import LogFilter
from atlas_node.model import DeliveryRecord, DeliveryStatus
from tests.markup import Tags


def test_an_empty_log_says_what_to_do_next(empty_store, browse, make_config):
    settings = make_config(node="{ae_title: MYNODE, host: 0.0.0.0, port: 11114}")
    page = browse(empty_store, settings).get("/").text

    assert "Nothing received yet" in page
    # The node listens everywhere: the name by which the viewer was reached will do.
    assert "storescu -aec MYNODE 127.0.0.1 11114 image.dcm" in page


def test_the_live_page_shows_what_came_and_where_it_went(store, browse):
    text = " ".join(Tags(browse(store).get("/").text).text.split())

    for shown in ("MR1", "192.0.2.7", "PAT-007", "1.2.3", "2023-11-14", "pacs sent", "to ATLAS"):
        assert shown in text
    assert re.search(r"Private elements Decoded Unknown Refused .* 3 2 1 0 ✓ pacs sent", text)


def test_an_instance_that_came_with_other_bytes_is_marked(empty_store, browse, make_object):
    for number, fingerprint in enumerate((7, 7, 8)):
        thing = make_object(f"o{number}", sop_instance_uid="1.2.3.4")
        empty_store.record([replace(thing, fingerprint=fingerprint)])
    client = browse(empty_store)

    found = client.get("/api/objects").json()["objects"]
    assert [it["again"] for it in reversed(found)] == ["", "same", "other"]
    assert "came with other bytes" in client.get("/").text
    assert "Another version" in client.get("/objects/o2").text
    assert "Received again" in client.get("/objects/o1").text
    assert "SOP Instance UID and" not in client.get("/objects/o0").text


def test_an_object_of_many_destinations_shows_two_and_counts_the_rest(store, browse):
    for name in ("archive", "research", "teaching"):
        failed = DeliveryRecord(name, DeliveryStatus.FAILED, 3, 1.0, "cannot connect")
        store.record([], [("o1", failed)])

    page = browse(store).get("/").text

    assert "archive failed" in page
    assert "tries 3. cannot connect" in page
    assert "+2" in page


def test_the_live_page_asks_for_what_is_new_and_gets_nothing_while_nothing_is(
    store, browse, make_object
):
    client = browse(store)
    asked = re.search(r'hx-get="([^"]+)" hx-trigger="log from:body"', client.get("/?vr=US").text)
    url = html.unescape(asked[1])
    assert "vr=US" in url
    assert client.get(url).status_code == 204

    store.record([make_object("o2")])

    fragment = client.get(url)
    assert fragment.status_code == 200
    assert 'href="/objects/o2"' in fragment.text
    assert "<html" not in fragment.text
    assert html.escape(f"state={store.state()}") in fragment.text


@pytest.mark.parametrize("url", ["/?paused=1", "/?before=99"])
def test_a_paused_or_older_page_stays_as_it_is(store, browse, url):
    page = browse(store).get(url).text

    assert "hx-get" not in page
    assert "data-follow" not in page
    assert 'http-equiv="refresh"' not in page
    assert 'href="/objects/o1"' in page


def test_without_script_the_page_loads_itself_again(store, browse):
    page = browse(store).get("/").text

    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in page


def test_filters_are_in_the_address_and_each_can_be_taken_out(store, browse):
    client = browse(store)

    found = client.get("/?creator=SIEMENS*&status=unknown").text
    missed = client.get("/?creator=GEMS*").text

    assert 'href="/objects/o1"' in found
    assert 'name="creator" value="SIEMENS*"' in found
    assert "<option selected>unknown</option>" in found
    chips = [a for tag, a in Tags(found).found if tag == "a" and a.get("class") == "chip"]
    assert [chip["href"] for chip in chips] == ["/?status=unknown", "/?creator=SIEMENS%2A"]
    assert "No object matches" in missed


def test_an_object_is_found_by_its_uids_and_between_two_times(empty_store, browse, make_object):
    for number in range(3):
        uids = {"series_instance_uid": f"1.5.{number}", "sop_instance_uid": f"1.6.{number}"}
        thing = make_object(f"o{number}", **uids)
        at = 1_700_000_000.0 + 3600 * number
        empty_store.record([replace(thing, envelope=replace(thing.envelope, received_at=at))])
    client = browse(empty_store)

    def found(**query):
        return [
            it["object_id"] for it in client.get("/api/objects", params=query).json()["objects"]
        ]

    assert found(series_uid="1.5.1") == ["o1"]
    assert found(sop_uid="1.6.2") == ["o2"]
    assert found(since="2023-11-14T23:00Z", until="2023-11-15T00:00Z") == ["o1"]
    page = client.get("/?sop_uid=1.6.2").text
    assert 'href="/objects/o2"' in page
    assert 'href="/objects/o1"' not in page
    assert 'href="/?sop_uid=1.6.2"' in client.get("/objects/o2").text


def test_what_is_only_of_the_page_is_no_condition_of_the_api(store, browse):
    client = browse(store)

    assert client.get("/?paused=1&limit=5&state=x&before=9").status_code == 200
    assert client.get("/api/objects?paused=1").status_code == 400
    assert client.get("/objects?stat=x").status_code == 400


def test_times_name_their_zone(store, browse, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        page = browse(store).get("/").text
    finally:
        monkeypatch.undo()
        time.tzset()

    assert "Times in UTC+05:45" in page
    assert "Received<small>UTC+05:45</small>" in page


def test_empty_fields_of_the_form_are_left_out_of_the_address(store, browse):
    answer = browse(store).get("/?creator=&vr=US&tag=")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/?vr=US"


def test_pages_go_back_to_the_first_object(store, browse, make_object):
    store.record([make_object(f"p{number}") for number in range(60)])
    client = browse(store)
    first = client.get("/").text
    older = html.unescape(re.search(r'href="(/\?before=\d+)"', first)[1])

    second = client.get(older).text

    assert first.count('class="row"') == 50
    assert second.count('class="row"') == 11
    assert 'href="/objects/o1"' in second


def test_an_object_that_could_not_be_annotated_says_why(empty_store, browse, make_object):
    empty_store.record([make_object(elements=[], error="expected 900 bytes at offset 12")])

    page = browse(empty_store).get("/").text

    assert "not annotated" in page
    assert "expected 900 bytes at offset 12" in page


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("seris_uid=1.2", "seris_uid: there is no such condition, only calling_ae, patient_id"),
        ("x" * 5000 + "=1", "x" * 60 + "…: there is no such condition"),
        ("until=tomorrow", "until: expected a time such as"),
        ("tag=zzzz", "tag: expected a tag such as (0019,100a)"),
        ("status=lost", "status: expected one of decoded"),
        ("since=yesterday", "since: expected a time such as"),
        ("before=x", "before: expected a whole number"),
        ("limit=100000", "limit: expected a whole number from 1 to 500"),
        ("limit=" + "9" * 5000, "limit: expected a whole number"),
    ],
)
def test_a_condition_that_cannot_be_understood_is_400(store, browse, query, said):
    client = browse(store)
    page, api = client.get(f"/?{query}"), client.get(f"/api/objects?{query}")

    assert (page.status_code, api.status_code) == (400, 400)
    assert said in html.unescape(page.text)
    assert said in api.json()["error"]


@pytest.mark.parametrize("text", ["'; DROP TABLE objects; --", "%", "_", "\\", "\x00", "\u202e"])
def test_hostile_filters_find_nothing_and_break_nothing(store, browse, text):
    client = browse(store)
    for name in (
        "creator",
        "name",
        "manufacturer",
        "patient_id",
        "study_uid",
        "sop_uid",
        "calling_ae",
    ):
        answer = client.get("/", params={name: f"a{text}b"})
        assert answer.status_code == 200
        assert "No object matches" in answer.text
    for name in ("vr", "tag", "status", "since"):
        assert client.get("/", params={name: f"a{text}b"}).status_code == 400
    assert len(store.objects(LogFilter(), 10)) == 1


def test_the_page_says_when_values_are_masked(store, browse, make_config):
    page = browse(store, make_config(log=", values: masked")).get("/").text

    assert "log.values: masked" in page
