import json
from pathlib import Path

import pytest

from atlas_node.errors import LogError
from atlas_node.web.site import PAGES
from tests.markup import Tags

DOCS = Path(__file__).parents[3] / "docs"


def test_pages_have_no_inline_script_or_style(store, browse):
    client = browse(store)

    for url in ("/", "/objects/o1", "/nothing"):
        for tag, attributes in Tags(client.get(url).text).found:
            assert tag != "style"
            assert "style" not in attributes
            assert tag != "script" or attributes["src"].startswith("/static/")


@pytest.mark.parametrize("name", [*(name.lower() for _, name in PAGES), "object"])
def test_the_docs_have_a_picture_of_each_page(name):
    picture = DOCS / "screenshots" / f"{name}.png"

    assert picture.stat().st_size < 150_000
    assert f"(screenshots/{name}.png)" in (DOCS / "log.md").read_text(encoding="utf-8")


def test_everything_a_page_asks_for_comes_from_the_viewer(store, browse):
    client = browse(store)
    asked = {
        attributes.get("src") or attributes.get("href")
        for tag, attributes in Tags(client.get("/").text).found
        if tag in ("script", "link", "img")
    }

    assert len(asked) == 8
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
    assert client.get("/readyz").json()["checks"]["log"] == "unreadable"


def test_a_fault_of_ours_shows_no_traceback(store, browse, monkeypatch):
    monkeypatch.setattr(type(store), "objects", lambda *_args: 1 / 0)

    answer = browse(store).get("/")

    assert answer.status_code == 500
    assert "division" not in answer.text


def test_healthz_answers(store, browse):
    assert json.loads(browse(store).get("/healthz").text) == {"status": "ok"}
