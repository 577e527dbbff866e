"""Coverage in a real browser: from an element that stayed UN to an entry that decodes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from playwright.sync_api import Page, expect

from atlas_dictionary import open_layers
from atlas_node.model import ElementStatus
from tests.scan_log import annotated

Open = Callable[..., Page]
CREATOR = "ACME BROWSER 1.0"


def with_unknown(viewer) -> None:
    """Record an object with an element that no dictionary knows, three values of it."""
    thing = next(iter(annotated(1_700_000_000.0)))
    for number, value in enumerate((b"0.25", b"12.5", b"-3")):
        record = replace(
            thing.elements[0], path="(0099,1001)", creator=CREATOR, key="(0099,xx01)", vr="UN",
            vr_before="UN", name="", vm="", status=ElementStatus.UNKNOWN, reason="no entry",
            value=[value.hex()], truncated=False, sources=(), confidence=0.0,
        )  # fmt: skip
        counts = {"private": 1, "unknown": 1}
        viewer.store.record(
            [replace(thing, object_id=f"unknown{number}", elements=(record,), counts=counts)]
        )


def test_an_entry_is_made_of_an_unknown_element(serve, open_page: Open):
    own = serve(log=None)
    with_unknown(own)
    page = open_page(own)
    page.goto("/coverage")

    row = page.locator(".undecoded tbody tr").filter(has_text=CREATOR)
    row.get_by_role("link", name="Make an entry").click()
    expect(page.locator(".readings").first).to_contain_text("all 3")
    page.get_by_label("Name").fill("Gate delay <b>")
    page.get_by_role("radio", name="DS", exact=True).check()
    page.get_by_role("button", name="Save the entry").click()

    expect(page.get_by_role("status")).to_contain_text("Saved: DS, Gate delay <b>")
    expect(page.locator(".reload")).to_contain_text("systemctl reload atlas-node")
    entry = open_layers(own.config.dictionaries, {}).private(CREATOR, 0x0099, 1)
    assert (entry.vr, entry.name) == ("DS", "Gate delay <b>")

    page.goto("/coverage")
    expect(page.locator(".undecoded tbody tr").filter(has_text=CREATOR)).to_contain_text(
        "entry: DS"
    )
    page.get_by_role("button", name="Take out").click()
    expect(page.get_by_role("status")).to_contain_text("taken out")
    assert own.config.site_dictionary.read_text().count(CREATOR) == 0


def test_a_vr_that_does_not_fit_is_not_saved(serve, open_page: Open):
    own = serve(log=None)
    with_unknown(own)
    page = open_page(own)
    page.goto(f"/coverage/entry?creator={CREATOR}&element=(0099,xx01)")
    page.get_by_text(re.compile("VRs that do not fit all values")).click()
    page.get_by_role("radio", name="FD", exact=True).check()
    page.get_by_role("button", name="Save the entry").click()

    expect(page.get_by_role("alert")).to_contain_text("No logged value can be FD")
    assert not own.config.site_dictionary.exists()


def test_shares_lead_to_what_they_count(page: Page):
    page.goto("/coverage")
    page.locator(".vendor").filter(has_text="GE MEDICAL SYSTEMS").get_by_role("link").first.click()

    expect(page.locator(".vendor")).to_have_count(1)
    page.locator(".covered tbody tr:not(.vendor) a").first.click()
    expect(page).to_have_url(re.compile("/explore.*manufacturer=GE"))
    expect(page.locator(".totals")).to_be_visible()
