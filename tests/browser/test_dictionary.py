"""The dictionary in a browser: search as one types, the page of an entry, without script too."""

import re

import pytest
from playwright.sync_api import expect

MOSAIC = "/dictionary/SIEMENS%20MR%20HEADER/0019/xx0a"


def test_results_come_as_one_types_and_the_address_follows(page):
    page.goto("/dictionary")
    page.keyboard.type("images mosaic")  # the field has the focus
    expect(page.locator("table.entries tbody tr")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/dictionary\?q=images\+mosaic$"))
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_label("VR", exact=True).fill("us")
    expect(page.locator("table.entries")).to_contain_text("SIEMENS MR HEADER")
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("images mosaic")
    expect(page.locator("table.entries")).to_contain_text("Number of Images in Mosaic")


def test_an_entry_is_reached_by_keyboard_alone(page):
    page.goto("/dictionary?q=images+mosaic&vr=US")
    page.locator("table.entries a").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Number of Images in Mosaic")
    expect(page.locator("table.sources")).to_contain_text("BSD-3-Clause")


def test_a_vendor_narrows_what_was_found(page):
    page.goto("/dictionary?q=b-value")
    page.locator(".facets").get_by_role("link", name="Siemens").click()
    expect(page.locator("table.entries tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Take out the condition vendor: Siemens").click()
    expect(page.locator("p.count")).to_contain_text("38 entries")


def test_an_entry_shows_real_objects_that_have_it(page):
    page.goto(MOSAIC)
    expect(page.locator("table.latest tbody tr")).not_to_have_count(0)
    expect(page.locator(".seen .facets").first).to_contain_text("SIEMENS")
    page.locator("table.latest a").first.click()
    expect(page).to_have_url(re.compile("/objects/"))


def test_it_works_without_script(open_page):
    page = open_page(java_script_enabled=False)
    page.goto("/dictionary")
    page.get_by_role("searchbox").fill("b-value")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("table.entries tbody tr")).to_have_count(38)


@pytest.mark.parametrize("path", ["/dictionary", "/dictionary?q=b-value", MOSAIC])
def test_nothing_is_wider_than_a_phone(open_page, path):
    page = open_page(viewport={"width": 360, "height": 740})
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
