import csv
import io
import re

import pytest

from atlas_node.model import DeliveryRecord, DeliveryStatus
from atlas_node.web import object as object_page
from tests.markup import Tags


def shown(page):
    return " ".join(Tags(page).text.split())


def test_the_object_page_shows_the_tree_of_private_elements(store, browse):
    page = browse(store).get("/objects/o1").text

    for text in (
        "MR Image Storage", "Explicit VR Little Endian", "0x0000 Success", "(0019,100a)",
        "Number Of Images In Mosaic", "0.99", "2 sources", "pydicom, dicom3tools",
        "no entry in the dictionary", "(0029,1010)[0]",
    ):  # fmt: skip
        assert text in page
    assert page.index("(0029,1010)[0]") < page.index(">(0029,1011)<")


def test_before_and_after_stand_side_by_side(store, browse):
    assert "(0019,100a) Number Of Images In Mosaic UN 24 00 US 36 decoded" in shown(
        browse(store).get("/objects/o1").text
    )


def test_an_object_leads_on_to_what_else_is_known(empty_store, browse, make_object):
    waiting = DeliveryRecord("pacs", DeliveryStatus.FAILED, 1, 1.0, "refused", 2.0)
    empty_store.record([make_object(series_instance_uid="1.2.3.9")], [("o1", waiting)])
    client = browse(empty_store)

    links = {a.get("href") for tag, a in Tags(client.get("/objects/o1").text).found}

    csa = "creator=SIEMENS+CSA+HEADER"
    wanted = {
        "/dictionary/SIEMENS%20MR%20HEADER/0019/xx0a",
        f"/explore/values?series=1.2.3.9&{csa}&element=%280019%2Cxx0a%29",
        f"/coverage/entry?{csa}&element=%280019%2Cxx0a%29",
        "/explore/compare?a=1.2.3.9",
        "/deliveries?destination=pacs",
        "/?study_uid=1.2.3",
    }
    assert wanted <= links
    for address in wanted:
        assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=unknown", ["(0029,1011)"]),
        ("q=MOSAIC", ["(0019,100a)", "(0029,1010)"]),
        ("q=mosaic&status=decoded", ["(0019,100a)", "(0029,1010)"]),
        ("q=(0029,1011)", ["(0029,1011)"]),
        ("q=csa", ["(0029,1010)", "(0029,1011)"]),
        ("q=no entry", ["(0029,1011)"]),
        ("q=36", ["(0019,100a)", "(0029,1011)"]),
        ("q=nothing", []),
    ],
)
def test_the_object_page_can_show_some_of_the_elements(store, browse, query, found):
    page = browse(store).get(f"/objects/o1?{query}").text

    assert re.findall(r'<code title="[^"]+">([^<]+)</code>', page) == found
    assert ("No element matches" in page) is (not found)


def test_many_elements_come_in_pages(store, browse, monkeypatch):
    monkeypatch.setattr(object_page, "SHOWN_ELEMENTS", 2)
    client = browse(store)

    first, second = client.get("/objects/o1").text, client.get("/objects/o1?from=3").text

    assert "1 to 2 of 3 elements" in first
    assert 'href="/objects/o1?from=3#elements"' in first
    assert "3 to 3 of 3 elements" in second
    assert ">(0029,1011)<" in second
    assert ">(0019,100a)<" not in second


def test_every_try_of_a_delivery_is_shown(store, browse):
    for number in (1, 2):
        failed = DeliveryRecord(
            "archive", DeliveryStatus.FAILED, number, 1_700_000_000.0 + number, f"reason {number}",
            1_700_000_060.0,
        )  # fmt: skip
        store.record([], [("o1", failed)])
    sent = DeliveryRecord("archive", DeliveryStatus.SENT, 3, 1_700_000_009.0, "0x0000 Success")
    store.record([], [("o1", sent)])
    client = browse(store)

    tries = client.get("/api/objects/o1").json()["tries"]
    assert [(it["destination"], it["tries"], it["status"]) for it in tries] == [
        ("archive", 1, "failed"), ("archive", 2, "failed"), ("archive", 3, "sent"),
        ("pacs", 1, "sent"),
    ]  # fmt: skip
    text = shown(client.get("/objects/o1").text)
    assert "failed reason 1 archive" in text
    assert "next try" not in text


def test_an_object_without_route_or_elements_says_so(empty_store, browse, make_object):
    empty_store.record([make_object(elements=[], error="expected 900 bytes at offset 12")])

    page = browse(empty_store).get("/objects/o1").text

    assert "expected 900 bytes at offset 12" in page
    assert "No route took this object" in page
    assert "no private elements that could be read" in page


def test_the_api_gives_the_data_of_the_pages(store, browse):
    client = browse(store)

    listed = client.get("/api/objects?vr=US").json()
    found = client.get("/api/objects/o1").json()

    assert [thing["object_id"] for thing in listed["objects"]] == ["o1"]
    assert listed["next"] is None
    assert found["received_at"] == "2023-11-14T22:13:20.000+00:00"
    assert found["deliveries"][0]["status"] == "sent"
    assert found.pop("elements") == [e.to_json() for e in store.object("o1").object.elements]
    assert found.pop("tries") == found["deliveries"]
    assert found == listed["objects"][0]


def test_the_elements_can_be_had_as_csv(store, browse):
    answer = browse(store).get("/api/objects/o1/elements.csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="o1.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["path"] for row in rows] == [
        "(0019,100a)", "(0029,1010)", "(0029,1010)[0].(0029,1011)",
    ]  # fmt: skip
    assert rows[0]["value"] == "36"
    assert rows[0]["sources"] == "pydicom dicom3tools"


@pytest.mark.parametrize(
    "path", ["/objects/gone", "/api/objects/gone", "/api/objects/gone/elements.csv"]
)
def test_an_object_that_there_is_not_is_404(store, browse, path):
    answer = browse(store).get(path)

    assert answer.status_code == 404
    assert "it may have expired" in answer.text


@pytest.mark.parametrize("query", ["status=lost", "from=0", "from=x"])
def test_a_condition_that_cannot_be_understood_is_400(store, browse, query):
    assert browse(store).get(f"/objects/o1?{query}").status_code == 400
