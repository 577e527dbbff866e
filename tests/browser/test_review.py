"""`atlas-scrape review` as a reviewer has it: the command, its page in Chromium, the keyboard."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table, TableStyle

from atlas_dictionary.compiler import read_source
from tests.browser.conftest import TIMEOUT
from tests.waiting import LONG

SCRIPT = Path(sys.executable).with_name("atlas-scrape")
HOSTILE = "<img src=x onerror=alert(1)>"


class Review(NamedTuple):
    """A review that is being served, and its page."""

    page: Page
    output: Path
    process: subprocess.Popen[str]


def write_statement(path: Path) -> None:
    """Two pages: a table with its creator, a table without one."""
    styles = getSampleStyleSheet()
    ruled = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black)])
    head = ("Attribute Name", "Tag", "VR", "VM")
    first = [head, *((f"Gain {n}", f"(0019,10{n:02x})", "DS", "1") for n in range(1, 5))]
    second = [head, (HOSTILE, "(0021,1001)", "LO", "1"), ("Mode", "(0021,1002)", "CS", "1")]
    SimpleDocTemplate(str(path)).build(
        [
            Paragraph("1.1 Private Group ACME_GAIN_01", styles["Heading2"]),
            Table(first, style=ruled),
            PageBreak(),
            Paragraph("2.1 Modes", styles["Heading2"]),
            Table(second, style=ruled),
        ]
    )


@pytest.fixture(scope="module")
def statement(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A statement, and what is found in it; no test changes them."""
    folder = tmp_path_factory.mktemp("statement")
    pdf, found = folder / "acme.pdf", folder / "found.jsonl"
    write_statement(pdf)
    subprocess.run([SCRIPT, pdf, "-o", found], check=True, capture_output=True)
    return pdf, found


@pytest.fixture
def review(chromium: Browser, statement: tuple[Path, Path], tmp_path: Path) -> Iterator[Review]:
    (pdf, found), output = statement, tmp_path / "reviewed.jsonl"
    command = [SCRIPT, "review", found, pdf, "-o", output, "--json"]
    complaints: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["url"]
        context = chromium.new_context(viewport={"width": 1400, "height": 900})
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: complaints.append(r.url) if "127.0.0.1" not in r.url else None)
        page.on(
            "console",
            lambda m: complaints.append(m.text) if "Security Policy" in m.text else None,
        )
        page.goto(address)
        expect(page.locator("#sheet image")).to_be_attached()
        yield Review(page, output, process)
        context.close()
        process.terminate()
    assert complaints == []


def decided(output: Path) -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    return [(row["element"], row["review"]) for row in rows]


def expect_current(page: Page, tag: str) -> None:
    expect(page.locator(".row.current .tag")).to_have_text(tag)


def test_a_review_by_keyboard_from_first_row_to_import(review: Review) -> None:
    page, output, process = review
    # Doubtful first: those without a creator, on page 2.
    expect_current(page, "(0021,xx01)")
    expect(page.locator("#place")).to_have_text("acme.pdf, page 2")
    page.keyboard.press("a")
    expect(page.locator("#message")).to_contain_text("without a private creator")
    page.keyboard.press("e")
    creator = page.locator(".editor [name=creator]")
    expect(creator).to_be_focused()
    page.keyboard.type("ACME_MODE_01")
    page.locator(".editor [name=reach]").select_option("table")
    creator.press("Enter")
    expect(page.locator("#count")).to_have_text("1 of 6 decided")
    expect_current(page, "(0021,xx02)")
    expect(page.locator(".row.current dd").first).to_have_text("ACME_MODE_01")
    page.keyboard.press("r")
    expect(page.locator("#count")).to_have_text("2 of 6 decided")
    expect_current(page, "(0019,xx01)")
    expect(page.locator("#place")).to_have_text("acme.pdf, page 1")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("a")
    expect(page.locator("#count")).to_have_text("3 of 6 decided")
    page.keyboard.press("Shift+A")
    expect(page.locator("#count")).to_have_text("6 of 6 decided")
    page.keyboard.press("k")
    page.keyboard.press("u")
    expect(page.locator("#count")).to_have_text("5 of 6 decided")
    accepted = [element for element, review in decided(output) if review == "accepted"]
    assert len(accepted) == 4
    assert ("xx02", "rejected") in decided(output)
    table = read_source(output)
    assert {s.key.creator for s in table.statements} == {"ACME_GAIN_01", "ACME_MODE_01"}
    assert all(s.detail.endswith(", reviewed") for s in table.statements)
    process.send_signal(signal.SIGINT)
    assert process.wait(LONG) == 0
    assert process.stderr is not None
    assert process.stderr.read() == "5 of 6 rows decided\n"


def test_the_boxes_of_the_page_choose_rows_and_lie_on_them(review: Review) -> None:
    page = review.page
    page.locator("#filter").select_option("undecided")
    page.locator("#order").select_option("place")
    expect_current(page, "(0019,xx01)")
    expect(page.locator("#sheet rect")).to_have_count(4)
    page.locator("#sheet rect").filter(has_text="(0019,xx03)").click()
    expect_current(page, "(0019,xx03)")
    frame = page.locator("#picture").bounding_box()
    box = page.locator("#sheet rect.current").bounding_box()
    assert frame is not None and box is not None
    assert frame["x"] <= box["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"]
    assert frame["y"] <= box["y"] and box["y"] + box["height"] <= frame["y"] + frame["height"]


def test_filters_and_their_order_outlive_a_reload(review: Review) -> None:
    page = review.page
    page.locator("#filter").select_option("unowned")
    expect(page.locator(".row")).to_have_count(2)
    page.reload()
    expect(page.locator(".row")).to_have_count(2)
    assert page.locator("#filter").input_value() == "unowned"
    page.locator("#filter").select_option("rejected")
    expect(page.locator("#nothing")).to_be_visible()


def test_the_text_of_a_document_is_text(review: Review) -> None:
    assert HOSTILE in review.page.locator(".row.current .name").inner_text()
    assert review.page.locator("#list img").count() == 0


def test_a_held_key_decides_once(review: Review) -> None:
    page = review.page
    page.locator("#order").select_option("place")
    for _ in range(4):
        page.keyboard.down("a")
    page.keyboard.up("a")
    expect(page.locator("#count")).to_have_text("1 of 6 decided")
    page.wait_for_timeout(200)
    assert decided(review.output) == [("xx01", "accepted")]


def test_a_review_that_has_ended_says_so(review: Review) -> None:
    review.process.terminate()
    review.process.wait()
    review.page.keyboard.press("r")
    expect(review.page.locator("#message")).to_contain_text("still running?")
