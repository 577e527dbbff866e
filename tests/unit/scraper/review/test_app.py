"""The review over HTTP, and who may open it."""

import io

import pytest
from PIL import Image
from starlette.testclient import TestClient

from atlas_dictionary import open_dictionary
from atlas_scraper import scrape
from atlas_scraper.review.app import create_app
from atlas_scraper.review.decisions import Decisions
from atlas_scraper.review.pictures import Pictures
from atlas_scraper.rows import Row

KEY = "the-key"
HOSTILE = '<script>alert(1)</script>"\u202e\ud800'
CHANGE = {"X-Atlas-Review": "1"}


@pytest.fixture
def application(statement, tmp_path):
    made = statement().heading("Private Group ACME_01").table(
        [("Name", "Tag", "VR", "VM"), ("Gain", "(0019,1001)", "DS", "1")]
    )  # fmt: skip
    path = made.save()
    rows = [
        Row(
            path.name, e.place.page, e.place.table, e.place.box, e.group, e.offset,
            e.creator, e.vr, e.vm, e.name, None, e.confidence,
        )
        for e in scrape(path)
    ]  # fmt: skip
    rows.append(Row("z.pdf", 1, text=HOSTILE))
    decisions = Decisions(rows, tmp_path / "reviewed.jsonl", open_dictionary())
    return create_app(decisions, Pictures({path.name: path}), "<found>", KEY)


@pytest.fixture
def stranger(application):
    with TestClient(application, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
def client(stranger):
    assert stranger.get(f"/?key={KEY}").status_code == 200
    return stranger


def test_the_address_with_the_key_becomes_a_cookie(stranger):
    answer = stranger.get(f"/?key={KEY}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie


@pytest.mark.parametrize("path", ["/", "/api/documents", "/static/review.js", "/?key=wrong"])
def test_without_the_key_nothing_is_shown(stranger, path):
    answer = stranger.get(path)
    assert answer.status_code == 403
    assert len(answer.text.splitlines()) == 1


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_names_that_only_resolve_to_this_machine_are_refused(client, host):
    assert client.get("/api/documents", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"X-Atlas-Review": "1", "Sec-Fetch-Site": "cross-site"}])
def test_a_change_comes_from_our_own_page_alone(client, headers):
    posted = {"rows": [0], "decision": "accepted"}
    assert client.post("/api/decisions", json=posted, headers=headers).status_code == 403
    assert client.get("/api/documents").json()[0]["accepted"] == 0


def test_a_long_request_is_refused_before_it_is_read(client):
    answer = client.post("/api/decisions", content=b" " * 300_000, headers=CHANGE)
    assert answer.status_code == 413


def test_no_answer_may_load_or_run_anything_from_elsewhere(client):
    for path in ("/", "/api/documents", "/static/review.js", "/none"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
    page = client.get("/").text
    assert "<script>" not in page and " style=" not in page and " onclick=" not in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
    assert "&lt;found&gt;" in page


def test_documents_rows_and_progress(client):
    first, second = client.get("/api/documents").json()
    assert (first["rows"], first["pictures"], second["pictures"]) == (1, True, False)
    (row,) = client.get("/api/documents/0").json()
    assert (row["tag"], row["creator"], row["standing"]) == ("(0019,xx01)", "ACME_01", "new")
    assert client.get("/api/documents/1").json()[0]["text"] == HOSTILE
    assert client.get("/api/documents/2").status_code == 404
    assert "ACME_01" in client.get("/api/rows/0/creators").json()
    assert client.get("/api/rows/9/creators").status_code == 404


def test_a_decision_gives_the_rows_that_changed(client):
    posted = {"rows": [0], "decision": "accepted", "facts": {"name": "Other"}}
    answer = client.post("/api/decisions", json=posted, headers=CHANGE).json()
    assert [(row["name"], row["review"]) for row in answer["rows"]] == [("Other", "accepted")]
    assert answer["documents"][0]["accepted"] == 1


def test_a_decision_that_cannot_be_says_why(client):
    posted = {"rows": [1], "decision": "accepted"}
    answer = client.post("/api/decisions", json=posted, headers=CHANGE)
    assert (answer.status_code, answer.json()) == (
        422, {"error": "this text has no tag yet: edit it first (e)"},
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"1", b'{"rows": [0.5]}', b'{"rows": [true]}', b'{"rows": 1}', b"[" * 9999,
     b'{"rows": [0], "facts": {"vr": 1}}', b'{"rows": [0], "decision": 1}', b"\xff"],
)  # fmt: skip
def test_what_no_page_posts_is_refused(client, body):
    answer = client.post("/api/decisions", content=body, headers=CHANGE)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_image_shows_the_row_where_its_box_is(client):
    shown = client.get("/api/documents/0/pages/1").json()
    answer = client.get("/api/documents/0/pages/1.png")
    assert answer.headers["content-type"] == "image/png"
    image = Image.open(io.BytesIO(answer.content))
    scale = image.width / shown["width"]
    left, top, right, bottom = client.get("/api/documents/0").json()[0]["box"]
    inside = image.crop(tuple(round(edge * scale) for edge in (left, top, right, bottom)))
    assert inside.getextrema()[0] < 100  # letters
    above = image.crop((0, 0, image.width, round((top - 60) * scale)))
    assert above.getextrema()[0] > 200  # nothing


def test_a_page_that_cannot_be_shown_says_why(client):
    assert "no page 9" in client.get("/api/documents/0/pages/9").json()["error"]
    assert "was not given" in client.get("/api/documents/1/pages/1.png").json()["error"]
