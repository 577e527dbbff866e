import time

import pytest
from playwright.sync_api import expect

from atlas_node.activity import DestinationState, Publisher, Snapshot, Tally
from atlas_node.activity.metrics import OBJECTS_RECEIVED

PEERS = """
destinations: [{name: pacs, ae_title: PACS, host: 127.0.0.1, port: 11113}]
upstreams: [{name: archive, ae_title: ARCHIVE, host: 127.0.0.1, port: 4242}]
spool: {path: spool}
"""


@pytest.fixture
def node(serve):
    """A viewer, and what publishes as a forwarder of its node would."""
    viewer = serve(PEERS)
    tally = Tally()

    def publish(objects, **state):
        tally.add(OBJECTS_RECEIVED, by=objects)
        snapshot = Snapshot(destinations={"pacs": DestinationState(**state)})
        Publisher(viewer.config.spool.path, "forwarder-0", tally, lambda: snapshot).publish()

    return viewer, publish


def test_the_page_follows_the_node_by_itself(node, open_page):
    viewer, publish = node
    page = open_page(viewer)
    page.goto("/status")
    expect(page.get_by_text("No process of the node serves.")).to_be_visible()

    publish(40, waiting=3, answered_at=time.time())

    expect(page.get_by_text("No process of the node serves.")).to_be_hidden()
    expect(page.get_by_role("row", name="forwarder-0").get_by_text("serving")).to_be_visible()
    pacs = page.get_by_role("row", name="pacs")
    expect(pacs.get_by_text("reachable", exact=True)).to_be_visible()
    expect(pacs.get_by_role("cell").nth(3)).to_have_text("3")


def test_what_has_the_focus_keeps_it_while_the_page_follows(node, open_page):
    viewer, publish = node
    publish(0)
    page = open_page(viewer)
    page.goto("/status")
    link = page.get_by_role("row", name="pacs").get_by_role("link")
    link.focus()

    with page.expect_response(lambda answer: "/status/parts" in answer.url):
        pass

    expect(page.get_by_role("row", name="pacs").get_by_role("link")).to_be_focused()


def test_a_viewer_that_fails_is_told_with_its_answer(node, open_page):
    viewer, publish = node
    publish(0)
    page = open_page(viewer)
    page.goto("/status")
    page.route("**/status/parts", lambda route: route.fulfill(status=503))

    expect(page.locator(".silence")).to_contain_text("(HTTP 503)")
    expect(page.locator("#status")).to_have_class("stale")


def test_a_viewer_that_hangs_is_told(node, open_page):
    page = open_page(node[0])
    page.goto("/status")
    page.route("**/status/parts", lambda route: None)
    part = page.locator("#status")
    expect(part).to_have_attribute("hx-request", '{"timeout": 10000}')
    part.evaluate("it => it.setAttribute('hx-request', JSON.stringify({timeout: 100}))")

    expect(page.locator(".silence")).to_contain_text("No answer since")


def test_on_a_phone_the_navigation_shows_where_one_is(node, open_page):
    page = open_page(node[0], viewport={"width": 360, "height": 740})
    page.goto("/status")
    expect(page.get_by_role("navigation", name="Main").get_by_text("Status")).to_be_in_viewport(
        ratio=1
    )


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(open_page, node, color_scheme):
    viewer, publish = node
    publish(1, failed_at=1.0, failure="cannot connect to a.very.long.name.example:104 " * 5)
    for path in ("/status", "/api"):
        page = open_page(viewer, viewport={"width": 360, "height": 740}, color_scheme=color_scheme)
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_page_needs_no_script(open_page, node):
    viewer, publish = node
    publish(1)
    page = open_page(viewer, java_script_enabled=False)
    page.goto("/status")

    expect(page.get_by_role("row", name="forwarder-0")).to_be_visible()
