"""Values come from strangers: whatever they say, every page and answer only shows it."""

import csv
import io
import json
import re
from urllib.parse import urljoin

import pytest

from atlas_node.model import DeliveryRecord, DeliveryStatus
from atlas_node.web.site import PAGES
from tests.hostile import FORBIDDEN, PAYLOADS, hostile_deliveries, hostile_objects
from tests.markup import Tags

MOST_PAGES = 90
_ADDRESSES = ("href", "src", "action", "hx-get", "hx-post", "formaction", "data-follow")


@pytest.fixture
def hostile_store(empty_store, make_object):
    empty_store.record(hostile_objects(), hostile_deliveries())
    # What the engine cannot have read, and a log may hold all the same.
    surrogate = "lone \ud800 surrogate and nul \0"
    empty_store.record([make_object("odd", text=surrogate, error=surrogate)])
    return empty_store


def check_page(page: str) -> list[str]:
    """Assert that nothing on a page is obeyed; return the addresses on it."""
    assert not FORBIDDEN.search(page)
    assert "1337" not in page  # {{ 7 * 191 }}
    addresses = []
    for tag, attributes in Tags(page).found:
        assert tag != "script" or set(attributes) == {"src", "defer"}
        assert tag not in ("style", "iframe", "object", "embed", "base")
        assert tag != "img" or attributes["src"].startswith("/static/")
        assert not any(name.startswith(("on", "hx-on")) or name == "style" for name in attributes)
        for name in set(_ADDRESSES) & attributes.keys():
            address = attributes[name] or ""
            assert re.match(r"[/?#]|$", address), address
            assert not address.startswith("//")
            if name in ("href", "hx-get"):
                addresses.append(address)
    return addresses


def test_no_page_that_can_be_reached_obeys_what_it_shows(hostile_store, browse):
    client = browse(hostile_store)
    objects = [f"/objects/h{number}" for number in range(len(PAYLOADS))]
    ahead = [*(address for address, _ in PAGES), *objects, "/objects/odd"]
    seen: set[str] = set()
    shown = ""
    while ahead and len(seen) < MOST_PAGES:
        address = ahead.pop(0).partition("#")[0]
        if address in seen or address.startswith(("/static/", "/events")):
            continue
        seen.add(address)
        answer = client.get(address)
        assert answer.status_code < 500, (address, answer.text)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        page = answer.content.decode("utf-8")
        shown += page
        for found in check_page(page):
            ahead.append(urljoin(address, found))

    assert len(seen) == MOST_PAGES
    text = Tags(shown).text
    for payload in PAYLOADS[:6]:
        assert payload in text
    assert "\\x1b[31mred" in shown
    assert "\\u202etxt.exe" in shown


def test_what_the_api_says_is_ascii_without_control_characters(hostile_store, browse):
    client = browse(hostile_store)
    paths = {
        route.path for route in client.app.routes
        if getattr(route, "methods", None) and "GET" in route.methods
        and route.path.startswith("/api/") and "{" not in route.path
    }  # fmt: skip
    assert "/api/objects" in paths

    for path in sorted(paths) + [f"/api/objects/h{number}" for number in range(len(PAYLOADS))]:
        answer = client.get(path)
        assert answer.status_code in (200, 400, 422), (path, answer.text)
        if answer.headers["content-type"].startswith("application/json"):
            assert answer.content.isascii()
            assert not re.search(rb"[\x00-\x1f\x7f]", answer.content)
            json.loads(answer.content)


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
def test_the_api_gives_a_value_as_it_was(hostile_store, browse, number):
    payload = PAYLOADS[number]
    elements = browse(hostile_store).get(f"/api/objects/h{number}").json()["elements"]

    assert elements[0]["creator"] == payload[:64].strip()
    assert elements[0]["value"][0] == payload[:256] or elements[0]["status"] == "refused"
    assert payload[:256] in [it["value"][0] for it in elements if it["value"]]


def test_csv_has_no_formula_no_control_character_and_no_row_too_many(hostile_store, browse):
    client = browse(hostile_store)
    for number in range(len(PAYLOADS)):
        path = f"/api/objects/h{number}"
        text = client.get(f"{path}/elements.csv").content.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline="")))

        assert len(rows) == 1 + len(client.get(path).json()["elements"])
        for found in (cell for row in rows for cell in row):
            assert not FORBIDDEN.search(found)
            assert not found.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_a_file_name_cannot_leave_its_header(empty_store, browse, make_object):
    name = 'a"b\r\nX-Evil: 1'
    empty_store.record([make_object(name)])

    answer = browse(empty_store).get("/api/objects/a%22b%0D%0AX-Evil:%201/elements.csv")

    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="a_b__X-Evil__1.csv"'
    assert "x-evil" not in answer.headers


def test_a_destination_cannot_speak_either(store, browse):
    for payload in PAYLOADS:
        store.record([], [("o1", DeliveryRecord(payload, DeliveryStatus.DEAD, 1, 1.0, payload))])
    client = browse(store)

    for path in ("/", "/objects/o1"):
        check_page(client.get(path).text)
