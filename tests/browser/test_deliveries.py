"""Deliveries in a browser: live numbers, a selection that stays, retry and drop."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from atlas_node.activity import (
    DestinationState,
    IncomingAssociation,
    Publisher,
    Snapshot,
    Tally,
)
from atlas_node.config import SpoolSettings
from atlas_node.model import DeliveryStatus, Envelope, Policy
from atlas_node.spool import Recipient, read_queue
from tests.spools import FedSpool

SETTINGS = """
spool: {path: ./spool, limits: {min_free_bytes: 1}}
destinations:
  - {name: pacs, ae_title: PACS, host: 192.0.2.20, port: 104}
routes:
  - {to: [pacs]}
"""
REFUSED = "PACS at 192.0.2.20:104: status 0xA900 Data Set Does Not Match SOP Class"


@pytest.fixture
def viewer(serve, tmp_path):
    """A viewer over a spool in which two deliveries are dead and two wait; no node runs."""
    spool = FedSpool(SpoolSettings(path=tmp_path / "spool"))
    for number in range(4):
        envelope = Envelope(
            time.time() - 7200 + number, "MR3T", "ATLAS", "192.0.2.10",
            "1.2.840.10008.5.1.4.1.1.4", f"1.2.3.{number}", "1.2.840.10008.1.2.1",
        )  # fmt: skip
        spool.accept(envelope, b"x" * 1000, [Recipient("pacs", Policy.DECODE)])
    for _ in range(2):
        taken = spool.take("pacs", 0)
        spool.settle(
            taken, replace(taken.record, status=DeliveryStatus.DEAD, tries=50, detail=REFUSED)
        )
    spool.close()
    return serve(SETTINGS, log=None)


def statuses(viewer):
    return [it.deliveries["pacs"].status.value for it in read_queue(viewer.config.spool.path)]


def test_a_selected_delivery_is_tried_again(open_page, viewer):
    page = open_page(viewer)
    page.goto("/deliveries?status=dead")
    expect(page.locator("table.queue tbody tr")).to_have_count(2)
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Retry selected").click()
    expect(page.get_by_role("status")).to_contain_text("1 delivery to be tried again")
    assert statuses(viewer) == ["pending", "dead", "pending", "pending"]


def test_all_that_fit_are_dropped_after_a_question(open_page, viewer):
    page = open_page(viewer)
    page.goto("/deliveries?destination=pacs&status=dead")
    page.get_by_role("button", name="Drop every one").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Drop 2 deliveries?")
    expect(page.get_by_role("link", name="Leave them as they are")).to_be_focused()
    page.get_by_role("button", name="Drop 2 deliveries").click()
    expect(page.get_by_role("status")).to_contain_text("2 deliveries dropped")
    assert statuses(viewer).count("dropped") == 2
    page.reload()  # does not order it again
    expect(page.locator("#queue")).to_contain_text("No delivery fits")


def test_leaving_them_changes_nothing(open_page, viewer):
    page = open_page(viewer)
    page.goto("/deliveries")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Drop selected").click()
    page.get_by_role("link", name="Leave them as they are").click()
    expect(page).to_have_url(re.compile("/deliveries$"))
    assert statuses(viewer) == ["dead", "dead", "pending", "pending"]


def test_numbers_and_associations_come_by_themselves_and_a_selection_stays(open_page, viewer):
    page = open_page(viewer)
    page.goto("/deliveries")
    expect(page.locator("#standing")).to_contain_text("The node does not run")
    box = page.get_by_role("checkbox").nth(1)
    box.check()
    with page.expect_response(re.compile("/deliveries/queue")):
        snapshot = Snapshot(
            incoming=(IncomingAssociation("MR3T", "ATLAS", "192.0.2.10", time.time(), 7),),
            destinations={"pacs": DestinationState(waiting=4321)},
        )
        Publisher(viewer.config.spool.path, "forwarder-0", Tally(), lambda: snapshot).publish()
    expect(page.locator("table.destinations")).to_contain_text("4,321")
    expect(page.locator("table.associations")).to_contain_text("MR3T")
    expect(box).to_be_checked()


def test_what_has_the_focus_keeps_it_while_the_page_follows(open_page, viewer):
    page = open_page(viewer)
    page.clock.install()
    page.goto("/deliveries")
    for control in ("nav a", ".reasons a", "button", "table input", "table a"):
        focused = page.locator(f"#queue {control}").last
        focused.focus()
        shown = page.locator("#queue").element_handle()
        page.clock.fast_forward(4000)
        page.wait_for_function("part => !part.isConnected", arg=shown)
        expect(focused).to_be_focused()


def test_a_viewer_that_stops_answering_is_told(open_page, viewer):
    page = open_page(viewer)
    page.goto("/deliveries")
    sign = page.locator(".silence")
    expect(sign).to_be_hidden()

    page.context.set_offline(True)

    expect(sign).to_have_text(re.compile(r"^No answer since \d\d:\d\d:\d\d\. What is below"))
    expect(page.locator("#standing")).to_have_class("stale")
    expect(page.locator("#queue")).to_have_class("stale")

    page.context.set_offline(False)

    expect(sign).to_be_hidden()
    expect(page.locator(".stale")).to_have_count(0)


def test_a_reason_narrows_the_list(open_page, viewer):
    page = open_page(viewer, java_script_enabled=False)
    page.goto("/deliveries")
    page.locator(".reasons a").click()
    expect(page.locator("table.queue tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Take out the condition reason").click()
    expect(page.locator("table.queue tbody tr")).to_have_count(4)


def test_nothing_is_wider_than_a_phone(open_page, viewer):
    page = open_page(viewer, viewport={"width": 360, "height": 740})
    page.goto("/deliveries")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
