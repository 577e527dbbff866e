"""Takes the picture of the review in docs/screenshots: `python -m tests.browser.review_picture`.

The statement is made for it, out of facts that the built-in dictionary has, one of them changed.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from atlas_dictionary import open_dictionary
from tests.browser.conftest import CHROMIUM_ARGS
from tests.peers import program

SCRIPT = Path(sys.executable).with_name("atlas-scrape")
PICTURE = Path(__file__).parents[2] / "docs" / "screenshots" / "review.png"
HEAD = ("Attribute Name", "Tag", "VR", "VM")
MODES = [
    HEAD,
    ("Gating Mode", "(0051,1001)", "CS", "1"),
    ("Gate Window", "(0051,1002)", "FL", "2"),
    ("Trigger Source", "(0051,1003)", "", "1"),
]


def write_statement(path: Path) -> None:
    """A page with two tables: one of a creator that the dictionary knows, one without a creator."""
    block = open_dictionary().block("GEMS_PARM_01", 0x0043)
    assert block is not None
    known = [entry for entry in block if entry.name and entry.vr in ("SS", "DS", "FL", "US")][:14]
    rows = [(e.name, f"(0043,10{e.element:02X})", e.vr, e.vm) for e in known]
    rows[3] = (*rows[3][:2], "LO", rows[3][3])
    styles = getSampleStyleSheet()
    ruled = TableStyle(
        [
            ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
            ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 9),
            ("FONT", (0, 1), (-1, -1), "Helvetica", 9),
        ]
    )
    widths = (230, 90, 50, 50)
    SimpleDocTemplate(str(path), topMargin=50).build(
        [
            Paragraph("B.1 Private Creator Identification (GEMS_PARM_01)", styles["Heading3"]),
            Table([HEAD, *rows], widths, style=ruled),
            Spacer(1, 18),
            Paragraph("B.2 Gating", styles["Heading3"]),
            Table(MODES, widths, style=ruled),
        ]
    )


def main() -> None:
    """Serve a review of the statement, decide on some rows, and take the picture."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pdf, found = folder / "statement.pdf", folder / "elements.jsonl"
        write_statement(pdf)
        subprocess.run([SCRIPT, pdf, "-o", found], check=True, capture_output=True)
        command = [SCRIPT, "review", found, pdf, "-o", folder / "reviewed.jsonl", "--json"]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as review,
            sync_playwright() as playwright,
        ):
            assert review.stdout is not None
            address = json.loads(review.stdout.readline())["url"]
            path = program("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            page.locator("#sheet image").wait_for(state="attached")
            page.locator("#order").select_option("place")
            for key in "aaajaar":
                page.keyboard.press(key)
            expect(page.locator("#count")).to_have_text("6 of 17 decided")
            page.locator("#order").select_option("doubt")
            expect(page.locator(".row.current .tag")).to_have_text("(0043,xx04)")
            page.wait_for_timeout(500)
            PICTURE.parent.mkdir(exist_ok=True)
            shot = Image.open(io.BytesIO(page.screenshot()))
            shot.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(
                PICTURE, optimize=True
            )
            browser.close()
            review.terminate()


if __name__ == "__main__":
    main()
