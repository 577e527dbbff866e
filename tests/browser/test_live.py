"""The live page in a real browser: it follows the log, and nothing on it moves or is obeyed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from atlas_dictionary import open_dictionary
from atlas_node.annotate import Annotator
from atlas_node.model import AnnotatedObject, DeliveryRecord, DeliveryStatus
from tests.hostile import PAYLOADS, hostile_deliveries, hostile_objects
from tests.peers import scans
from tests.scan_log import annotate

Open = Callable[..., Page]

SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifted += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture(scope="session")
def arrival() -> Callable[[str], AnnotatedObject]:
    """Returns a real object that arrives now."""
    annotator = Annotator(open_dictionary())
    path = next(it for it in scans() if annotate(annotator, it, 0.0, "0"))

    def one(number: str) -> AnnotatedObject:
        thing = annotate(annotator, path, time.time(), number)
        assert thing is not None
        return thing

    return one


def rows(page: Page) -> Locator:
    return page.locator(".objects tbody tr")


def test_nothing_shifts_on_a_phone_while_the_page_begins_to_follow(open_page: Open):
    page = open_page(viewport={"width": 360, "height": 740})
    page.add_init_script(SHIFTS)
    page.goto("/")
    expect(page.locator(".live")).to_have_text("Live")
    page.wait_for_timeout(200)
    assert page.evaluate("window.shifted") < 0.01


def test_an_object_appears_while_one_looks_and_nothing_shifts(serve, open_page: Open, arrival):
    own = serve()
    page = open_page(own)
    page.add_init_script(SHIFTS)
    page.goto("/")
    expect(page.locator(".live")).to_have_text("Live")
    before = page.locator(".row").first.get_attribute("href")

    thing = arrival("900001")
    own.store.record([thing])

    expect(rows(page).first.locator(".row")).to_have_attribute(
        "href", f"/objects/{thing.object_id}"
    )
    expect(rows(page).first).to_have_class("arrived")
    expect(rows(page).nth(1).locator(".row")).to_have_attribute("href", before)

    own.store.record(
        [], [(thing.object_id, DeliveryRecord("pacs", DeliveryStatus.DEAD, 9, time.time(), "no"))]
    )
    expect(rows(page).first).to_contain_text("pacs dead")
    assert page.evaluate("window.shifted") < 0.001


def test_many_that_come_at_once_are_all_there_in_the_end(serve, open_page: Open, arrival):
    own = serve()
    page = open_page(own)
    page.goto("/")
    expect(page.locator(".live")).to_have_text("Live")

    for number in range(20):
        last = arrival(f"{910000 + number}")
        own.store.record([last])
        time.sleep(0.06)

    expect(rows(page).first.locator(".row")).to_have_attribute("href", f"/objects/{last.object_id}")


def test_what_arrives_while_one_reads_further_down_waits(serve, open_page: Open, arrival):
    own = serve()
    page = open_page(own, viewport={"width": 1280, "height": 500})
    page.goto("/")
    expect(page.locator(".live")).to_have_text("Live")
    page.mouse.wheel(0, 900)
    page.wait_for_function("window.scrollY > 800")
    top = page.locator(".row").first.get_attribute("href")

    thing = arrival("900002")
    own.store.record([thing])

    button = page.get_by_role("button", name="New objects")
    expect(button).to_be_visible()
    assert page.locator(".row").first.get_attribute("href") == top
    button.click()
    expect(page.locator(".row").first).to_have_attribute("href", f"/objects/{thing.object_id}")
    expect(button).to_be_hidden()
    page.wait_for_function("window.scrollY === 0")


def test_a_paused_page_stays_and_goes_on_when_told(serve, open_page: Open, arrival):
    own = serve()
    page = open_page(own)
    page.goto("/?modality=CT")
    page.get_by_role("link", name="Pause").click()
    expect(page.locator(".live")).to_have_text("Paused")
    assert "modality=CT" in page.url
    shown = page.locator(".row").first.get_attribute("href")

    own.store.record([arrival("900003")])
    page.wait_for_timeout(800)

    assert page.locator(".row").first.get_attribute("href") == shown
    page.get_by_role("link", name="Resume").click()
    expect(page.locator(".live")).to_have_text("Live")


def test_a_filter_is_in_the_address_and_is_taken_out_again(page: Page):
    page.goto("/")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Manufacturer").fill("siemens")
    page.get_by_label("Element status").select_option("decoded")
    page.get_by_role("button", name="Apply").click()

    expect(page).to_have_url(re.compile(r"/\?manufacturer=siemens&status=decoded$"))
    for row in rows(page).all():
        expect(row).to_contain_text(re.compile("siemens", re.I))

    page.get_by_role("link", name="Take out the condition Manufacturer").click()
    expect(page).to_have_url(re.compile(r"/\?status=decoded$"))


@pytest.mark.parametrize("cell", ["Patient, study", "Scanner", "Decoded"])
def test_a_click_anywhere_in_a_row_opens_its_object(page: Page, cell: str):
    page.goto("/?paused=1")
    address = page.locator(".row").nth(1).get_attribute("href")
    box = rows(page).nth(1).locator(f"td[data-label='{cell}']").bounding_box()
    assert box
    page.mouse.click(box["x"] + 12, box["y"] + box["height"] / 3)

    expect(page).to_have_url(re.compile(f"{re.escape(address or '')}$"))


def test_the_page_is_used_with_the_keyboard_alone(page: Page):
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('row')"):
            break
    address = page.evaluate("document.activeElement.getAttribute('href')")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(f"{re.escape(address)}$"))


def test_the_focus_stays_on_a_row_when_others_arrive(serve, open_page: Open, arrival):
    own = serve()
    page = open_page(own)
    page.goto("/")
    expect(page.locator(".live")).to_have_text("Live")
    focused = page.locator(".row").nth(2)
    address = focused.get_attribute("href")
    focused.focus()

    own.store.record([arrival("900004")])

    expect(page.locator(".row").nth(3)).to_have_attribute("href", address)
    expect(page.locator(".row").nth(3)).to_be_focused()


def test_without_script_the_page_is_there_and_loads_itself_again(open_page: Open):
    page = open_page(java_script_enabled=False)
    page.goto("/")

    expect(rows(page).first).to_be_visible()
    assert page.locator("noscript meta[http-equiv=refresh]").count() == 1


def test_a_page_that_gets_no_stream_says_so_and_asks_now_and_then(serve, open_page: Open):
    page = open_page(serve())
    page.route("**/events", lambda route: route.fulfill(status=503, body="{}"))
    page.goto("/")

    expect(page.locator(".live")).to_have_text("Every 10 s")
    expect(page.locator(".live")).to_have_attribute("data-state", "lost")


@pytest.fixture
def hostile(serve):
    own = serve(log=None)
    own.store.record(hostile_objects(), hostile_deliveries())
    return own


@pytest.mark.parametrize(
    "options",
    [
        {"viewport": {"width": 360, "height": 800}, "color_scheme": "dark"},
        # 200 % zoom of a window of 1280 by 900.
        {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
    ],
)
def test_nothing_is_wider_than_the_window_whatever_it_says(hostile, open_page: Open, options):
    page = open_page(hostile, **options)
    for path in ("/", "/objects/h0", f"/objects/h{len(PAYLOADS) - 1}"):
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        width, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width <= room


def test_no_payload_is_obeyed_by_a_browser(hostile, open_page: Open):
    page = open_page(hostile)
    for number in range(6):
        page.goto(f"/objects/h{number}")
        assert page.evaluate("window.obeyed") is None
    page.goto("/")
    page.hover(".objects tbody tr")

    expect(page.locator(".live")).to_have_text("Live")
    assert page.evaluate("window.obeyed") is None
    assert page.locator(".objects img, .objects script").count() == 0
