import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from atlas_node.errors import LogError
from atlas_node.log import LogFilter
from atlas_node.model import DeliveryRecord, DeliveryStatus


class Elements(HTMLParser):
    """What a browser would make of a page: its tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_an_empty_log_says_what_to_do_next(empty_store, browse, make_config):
    settings = make_config(node="{ae_title: MYNODE, host: 0.0.0.0, port: 11114}")
    page = browse(empty_store, settings).get("/").text

    assert "Nothing received yet" in page
    # The node listens everywhere: the name by which the viewer was reached will do.
    assert "storescu -aec MYNODE 127.0.0.1 11114 image.dcm" in page


def test_the_live_page_shows_what_came_and_where_it_went(store, browse):
    page = browse(store).get("/").text

    for text in ("MR1", "192.0.2.7", "PAT-007", "1.2.3", "2 decoded", "1 unknown", "pacs sent"):
        assert text in page
    assert 'href="/objects/o1"' in page


def test_an_instance_that_came_with_other_bytes_is_marked(empty_store, browse, make_object):
    for number, fingerprint in enumerate((7, 7, 8)):
        thing = make_object(f"o{number}", sop_instance_uid="1.2.3.4")
        empty_store.record([replace(thing, fingerprint=fingerprint)])
    client = browse(empty_store)

    found = client.get("/api/objects").json()["objects"]
    assert [it["again"] for it in reversed(found)] == ["", "same", "other"]
    assert "and other bytes" in client.get("/").text
    assert "Another version" in client.get("/objects/o2").text
    assert "Received again" in client.get("/objects/o1").text
    assert "SOP Instance UID and" not in client.get("/objects/o0").text


def test_the_live_page_asks_for_what_is_new_and_gets_nothing_while_nothing_is(
    store, browse, make_object
):
    client = browse(store)
    polled = re.search(r'hx-get="([^"]+)"', client.get("/?modality=MR").text)
    url = html.unescape(polled[1])
    assert "modality=MR" in url
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
    assert 'href="/objects/o1"' in page


def test_filters_are_in_the_address_and_in_the_form(store, browse):
    client = browse(store)

    found = client.get("/?creator=SIEMENS*&status=unknown").text
    missed = client.get("/?creator=GEMS*").text

    assert 'href="/objects/o1"' in found
    assert 'name="creator" value="SIEMENS*"' in found
    assert "<option selected>unknown</option>" in found
    assert "No object matches" in missed


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


def test_the_object_page_shows_the_tree_of_private_elements(store, browse):
    page = browse(store).get("/objects/o1").text

    for text in (
        "MR Image Storage", "Explicit VR Little Endian", "0x0000 Success", "(0019,100a)",
        "Number Of Images In Mosaic", "<del>UN</del>", "<ins>US</ins>", "36",
        "pydicom, dicom3tools", "0.99", "no entry in the dictionary", "(0029,1010)[0]",
    ):  # fmt: skip
        assert text in page
    assert page.index("(0029,1010)[0]") < page.index(">(0029,1011)<")


def test_the_object_page_can_show_one_status(store, browse):
    page = browse(store).get("/objects/o1?status=unknown").text

    assert "(0029,1011)" in page
    assert "(0019,100a)" not in page


def test_an_object_that_could_not_be_annotated_says_why(empty_store, browse, make_object):
    empty_store.record([make_object(elements=[], error="expected 900 bytes at offset 12")])
    client = browse(empty_store)

    assert "expected 900 bytes at offset 12" in client.get("/").text
    assert "expected 900 bytes at offset 12" in client.get("/objects/o1").text


def test_the_api_gives_the_data_of_the_pages(store, browse):
    client = browse(store)

    listed = client.get("/api/objects?vr=US").json()
    found = client.get("/api/objects/o1").json()

    assert [thing["object_id"] for thing in listed["objects"]] == ["o1"]
    assert listed["next"] is None
    assert found["received_at"] == "2023-11-14T22:13:20.000+00:00"
    assert found["deliveries"][0]["status"] == "sent"
    assert found["elements"] == [e.to_json() for e in store.object("o1").object.elements]
    assert {**found, "elements": None} == {**listed["objects"][0], "elements": None}


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_an_object_that_there_is_not_is_404(store, browse, prefix):
    answer = browse(store).get(f"{prefix}/objects/unknown")

    assert answer.status_code == 404
    assert "it may have expired" in answer.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
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


HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)> '",
    "\x1b[31mred\x1b[0m\x07",
    "\x9b31m",
    "\u202etxt.exe",
    "'; DROP TABLE objects; --",
    "lone \ud800 surrogate and nul \0",
    "javascript:alert(1)",
    "x" * 20_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_never_obeyed(empty_store, browse, make_object, text):
    thing = make_object(text=text, error=text)
    failed = DeliveryRecord(text, DeliveryStatus.DEAD, 1, 1.0, text)
    empty_store.record([thing], [("o1", failed)])
    client = browse(empty_store)

    for url in ("/", "/objects/o1"):
        answer = client.get(url)
        assert answer.status_code == 200
        page = answer.content.decode("utf-8")
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", page)
        for tag, attributes in Elements(page).tags:
            assert tag != "script" or set(attributes) == {"src", "defer"}
            assert not any(name.startswith("on") for name in attributes)
            assert (attributes.get("href") or "/")[:1] in "/?#"
            assert tag != "img" or attributes["src"].startswith("/static/")

    api = client.get("/api/objects/o1")
    assert api.content.isascii()
    assert not re.search(rb"[\x00-\x1f\x7f]", api.content)
    assert api.json()["elements"][0]["value"] == [text]


@pytest.mark.parametrize("text", ["'; DROP TABLE objects; --", "%", "_", "\\", "\x00", "\u202e"])
def test_hostile_filters_find_nothing_and_break_nothing(store, browse, text):
    client = browse(store)
    for name in ("creator", "name", "manufacturer", "patient_id", "study_uid", "calling_ae"):
        answer = client.get("/", params={name: f"a{text}b"})
        assert answer.status_code == 200
        assert "No object matches" in answer.text
    for name in ("vr", "tag", "status", "since"):
        assert client.get("/", params={name: f"a{text}b"}).status_code == 400
    assert len(store.objects(LogFilter(), 10)) == 1


def test_pages_have_no_inline_script_or_style(store, browse):
    client = browse(store)

    for url in ("/", "/objects/o1", "/nothing"):
        for tag, attributes in Elements(client.get(url).text).tags:
            assert tag != "style"
            assert "style" not in attributes
            assert tag != "script" or attributes["src"].startswith("/static/")


def test_everything_a_page_asks_for_comes_from_the_viewer(store, browse):
    client = browse(store)
    asked = {
        attributes.get("src") or attributes.get("href")
        for tag, attributes in Elements(client.get("/").text).tags
        if tag in ("script", "link", "img")
    }

    assert len(asked) == 3
    for url in asked:
        assert client.get(url).status_code == 200


def test_a_log_that_fails_is_one_line(store, browse, monkeypatch):
    def fail(*_args):
        raise LogError("log /var/log.db: its disk is full")

    monkeypatch.setattr(type(store), "objects", fail)
    monkeypatch.setattr(type(store), "newest", fail)
    client = browse(store)

    assert client.get("/").status_code == 503
    assert "its disk is full" in client.get("/api/objects").json()["error"]
    assert client.get("/healthz").status_code == 503


def test_a_fault_of_ours_shows_no_traceback(store, browse, monkeypatch):
    monkeypatch.setattr(type(store), "objects", lambda *_args: 1 / 0)

    answer = browse(store).get("/")

    assert answer.status_code == 500
    assert "division" not in answer.text


def test_the_page_says_when_values_are_masked(store, browse, make_config):
    page = browse(store, make_config(log=", values: masked")).get("/").text

    assert "log.values: masked" in page


def test_healthz_answers(store, browse):
    assert json.loads(browse(store).get("/healthz").text) == {"status": "ok"}
