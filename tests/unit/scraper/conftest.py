"""Small conformance statements made on the spot, and the vendors' ones beside the repository."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.platypus import Flowable, PageBreak, SimpleDocTemplate, Spacer, Table, TableStyle

from atlas_scraper import Element, Reject, scrape


class _Lines(Flowable):
    """Lines drawn one below the other, each a string or (left edge, string) parts."""

    def __init__(self, lines: Sequence[object], font: str, size: float) -> None:
        super().__init__()
        self.lines, self.font, self.size = lines, font, size

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        return width, 1.2 * self.size * len(self.lines)

    def draw(self) -> None:
        self.canv.setFont(self.font, self.size)
        for index, line in enumerate(self.lines):
            y = 1.2 * self.size * (len(self.lines) - 1 - index) + 0.2 * self.size
            parts = [(0.0, line)] if isinstance(line, str) else line
            for left, text in parts:
                self.canv.drawString(left, y, text)


@dataclass
class Statement:
    """A conformance statement in the making."""

    path: Path
    font: str = "Helvetica"
    size: float = 9.0
    margin_text: str = ""
    story: list[Flowable] = field(default_factory=list)

    def heading(self, text: str) -> "Statement":
        self.story += [Spacer(1, 14), _Lines([text], "Helvetica-Bold", 12), Spacer(1, 6)]
        return self

    def text(self, *lines: object) -> "Statement":
        self.story += [Spacer(1, 8), _Lines(lines, self.font, self.size)]
        return self

    def table(
        self,
        rows: Sequence[Sequence[str]],
        widths: Sequence[float] | None = None,
        style: Sequence[tuple[object, ...]] = (),
        *,
        ruled: bool = True,
        repeat: int = 0,
    ) -> "Statement":
        base: list[tuple[object, ...]] = [("FONT", (0, 0), (-1, -1), self.font, self.size)]
        if ruled:
            base.append(("GRID", (0, 0), (-1, -1), 0.5, colors.black))
        table = Table(
            [list(row) for row in rows],
            colWidths=widths,
            style=TableStyle([*base, *style]),
            repeatRows=repeat,
            hAlign="LEFT",
        )
        self.story += [Spacer(1, 8), table]
        return self

    def page_break(self) -> "Statement":
        self.story.append(PageBreak())
        return self

    def save(self) -> Path:
        def margin(canvas, _document) -> None:
            if self.margin_text:
                canvas.saveState()
                canvas.setFont("Helvetica", 8)
                canvas.translate(20, 200)
                canvas.rotate(90)
                canvas.drawString(0, 0, self.margin_text)
                canvas.restoreState()

        document = SimpleDocTemplate(str(self.path), pagesize=A4, leftMargin=50, rightMargin=40)
        document.build(self.story, onFirstPage=margin, onLaterPages=margin)
        return self.path

    def elements(self) -> list[Element]:
        return [item for item in scrape(self.save()) if isinstance(item, Element)]

    def everything(self) -> tuple[list[Element], list[Reject]]:
        out = list(scrape(self.save()))
        return (
            [item for item in out if isinstance(item, Element)],
            [item for item in out if isinstance(item, Reject)],
        )


@pytest.fixture
def statement(tmp_path: Path) -> Callable[..., Statement]:
    """Begin a statement: `statement(font="Times-Roman")`."""
    made = iter(range(1000))
    return lambda **kwargs: Statement(tmp_path / f"statement{next(made)}.pdf", **kwargs)


@pytest.fixture(scope="session")
def conformance_pdfs() -> Path:
    """The vendors' statements beside the repository; CI must have them."""
    folder = Path(__file__).resolve().parents[4] / "shared" / "data" / "conformance-pdfs"
    if not folder.is_dir():
        message = f"no vendors' conformance statements in {folder}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder
