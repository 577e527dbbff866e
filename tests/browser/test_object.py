"""The page of one object in a real browser: it folds, filters and downloads."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from atlas_node.log import LogFilter

Open = Callable[..., Page]


@pytest.fixture
def nested(viewer) -> str:
    """Address of an object with private elements in items of sequences, some of them decoded."""
    for found in viewer.store.objects(LogFilter(), 200):
        counts = found.object.counts
        if not counts["decoded"] or counts["private"] > 300:
            continue
        thing = viewer.store.object(found.object.object_id)
        if sum("." in element.path for element in thing.object.elements) > 5:
            return f"/objects/{found.object.object_id}"
    pytest.skip("no such scan here")


def visible(page: Page) -> int:
    return page.locator(".elements tr.element:visible").count()


def test_items_of_sequences_fold_and_unfold(page: Page, nested: str):
    page.goto(nested)
    before = visible(page)
    item = page.locator(".item button").first
    expect(item).to_have_attribute("aria-expanded", "true")

    item.focus()
    page.keyboard.press("Enter")

    expect(item).to_have_attribute("aria-expanded", "false")
    assert visible(page) < before
    item.click()
    assert visible(page) == before


def test_on_a_phone_the_private_blocks_are_folded_at_first(open_page: Open, nested: str):
    page = open_page(viewport={"width": 360, "height": 740})
    page.goto(nested)
    block = page.locator(".block button").first
    expect(block).to_have_attribute("aria-expanded", "false")
    assert visible(page) == 0

    block.click()

    expect(block).to_have_attribute("aria-expanded", "true")
    assert visible(page) > 0
    page.goto(f"{nested}?status=decoded")
    assert visible(page) > 0


def test_typing_filters_the_elements_and_is_in_the_address(page: Page, nested: str):
    page.goto(nested)
    before = visible(page)
    name = page.locator(".elements .entry").last.inner_text()

    page.keyboard.press("/")
    page.keyboard.type(name)

    expect(page.locator("[data-found]")).to_have_text(re.compile(r"^\d+ found$"))
    assert 0 < visible(page) < before
    assert "q=" in page.url
    page.reload()
    assert 0 < visible(page) < before
    page.locator("#q").fill("")
    page.keyboard.press("Enter")
    expect(page.locator(".elements tr.element")).to_have_count(before)


def test_a_status_is_a_link(page: Page, nested: str):
    page.goto(nested)
    page.get_by_role("link", name="decoded").click()

    expect(page).to_have_url(re.compile(r"status=decoded"))
    for pill in page.locator(".element .pill").all()[:20]:
        expect(pill).to_have_text("decoded")


def test_the_downloads_have_every_element(page: Page, nested: str, tmp_path: Path):
    page.goto(nested)
    files = {}
    for kind in ("JSON", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        files[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[kind])

    elements = json.loads(files["JSON"].read_text())["elements"]
    with files["CSV"].open(encoding="utf-8-sig", newline="") as text:
        assert [row["path"] for row in csv.DictReader(text)] == [it["path"] for it in elements]
    assert files["CSV"].name == f"{nested.removeprefix('/objects/')}.csv"


def test_without_script_every_item_is_open_and_the_search_asks_the_server(
    open_page: Open, nested: str
):
    page = open_page(java_script_enabled=False)
    page.goto(nested)
    before = visible(page)
    page.locator("#q").fill("no element has this in it")
    page.locator("#q").press("Enter")

    expect(page.get_by_text("No element matches")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(page.locator(".elements tr.element:visible")).to_have_count(before)


def test_tries_that_failed_are_all_there(page: Page, viewer):
    tried = next(
        it.object.object_id
        for it in viewer.store.objects(LogFilter(), 200)
        if any(delivery.tries == 3 for delivery in it.deliveries)
    )
    page.goto(f"/objects/{tried}")

    expect(page.locator(".deliveries .failed")).to_have_count(3)
    expect(page.locator(".deliveries")).to_contain_text("next try at")
