"""Explore in a real browser: facets that combine, plots with titles, two series side by side."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from atlas_node.log import Selection
from tests.hostile import hostile_objects

Open = Callable[..., Page]
SIEMENS = "/explore/values?creator=SIEMENS+MR+SDI+02&element=(0021,xx76)"


def widest(page: Page) -> int:
    """Return how far the page reaches beyond the window."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def test_facets_combine_and_are_in_the_address(page: Page):
    page.goto("/explore")
    total = page.locator(".totals dd").first.inner_text()

    page.locator(".facet").filter(has_text="Manufacturer").get_by_role(
        "link", name=re.compile("Philips Medical Systems")
    ).first.click()
    page.locator("section.facet").filter(has_text="VR").get_by_role(
        "link", name=re.compile(r"^FL")
    ).click()

    expect(page).to_have_url(re.compile(r"manufacturer=Philips\+Medical\+Systems&vr=FL"))
    expect(page.locator(".chip")).to_have_count(2)
    assert page.locator(".totals dd").first.inner_text() != total
    assert set(page.locator(".counted td:nth-child(4)").all_inner_texts()) == {"FL"}

    page.locator(".chip").first.click()
    expect(page.locator(".chip")).to_have_count(1)
    page.go_back()
    expect(page.locator(".chip")).to_have_count(2)


def test_the_keyboard_alone_leads_to_the_values_of_an_element(page: Page):
    page.goto("/explore?vr=DS")
    page.locator(".counted tbody a").first.focus()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/explore/values"))
    expect(page.locator("svg.plot")).to_be_visible()
    page.locator(".wide-plot").focus()
    assert page.evaluate("document.activeElement.className") == "wide-plot"


def test_a_plot_has_axes_colours_and_titles(page: Page):
    page.goto(SIEMENS)

    assert page.locator("svg.plot .mark").count() > 5
    colours = {
        page.locator(f"svg.plot .mark.s{number}").first.evaluate("it => getComputedStyle(it).fill")
        for number in (1, 2)
    }
    assert len(colours) == 2
    title = page.locator("svg.plot .mark title").first.text_content()
    assert "(0021,1176) LO" in title or "LO" in title
    expect(page.locator("svg.plot .title").first).to_have_text("Received")


def test_two_series_are_chosen_and_compared(page: Page):
    page.goto("/explore/compare")
    page.get_by_role("link", name="as A").first.click()
    page.get_by_role("link", name="as B").nth(1).click()

    expect(page.locator(".pair .card")).to_have_count(2)
    expect(page.locator(".outcomes a[aria-current]")).to_contain_text("differ")
    page.locator(".outcomes").get_by_role("link", name=re.compile("^all")).click()
    assert page.locator(".compared tbody tr").count() > 0


def test_pages_are_as_wide_as_a_phone_and_as_a_window_at_200_percent(open_page: Open):
    for width in (360, 640):
        page = open_page(viewport={"width": width, "height": 800})
        for address in ("/explore", SIEMENS, "/explore/compare", "/coverage"):
            page.goto(address)
            assert widest(page) <= 0, (address, width)


def test_facets_and_plots_need_no_script(open_page: Open):
    page = open_page(java_script_enabled=False)
    page.goto("/explore?vr=DS&since=30d")

    assert page.locator(".counted tbody tr").count() > 0
    page.goto(SIEMENS)
    assert page.locator("svg.plot .mark").count() > 5


def test_hostile_values_are_text_everywhere(serve, open_page: Open):
    own = serve(log=None)
    own.store.record(list(hostile_objects()))
    page = open_page(own)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    found = own.store.facets(Selection())

    page.goto("/explore")
    expect(page.locator(".counted")).to_be_visible()
    assert widest(page) <= 0
    for element in found.elements[:2]:
        page.locator(".counted tbody a").nth(found.elements.index(element)).click()
        expect(page.locator("h1")).to_be_visible()
        assert widest(page) <= 0
        page.go_back()
    page.goto("/coverage")
    assert widest(page) <= 0
