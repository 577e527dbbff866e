"""Conformance statements made from a list of elements and a layout, to be read back.

`statement(elements, layout)` gives the bytes of a PDF that lists the elements in that layout;
`draw_elements(random)` gives elements to list. The tests ask that the same elements come out:
whatever the layout, only what it leaves out may be missing.
"""

import random as random_module
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    Flowable,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

Fact = tuple[int, int, str | None, str | None, str | None, str | None]

WORDS = (
    *("acquisition", "amplifier", "angle", "image", "series", "flag", "raw", "data", "slice"),
    *("number", "frame", "mean", "bone", "filter", "kernel", "phase", "table", "speed", "window"),
    *("contrast", "level", "gate", "cardiac", "coil", "gradient", "mode", "scan", "version"),
    *("detector", "dose", "reconstruction", "location", "position", "matrix", "header", "time"),
)
CREATORS = (
    "GEMS_IDEN_01",
    "SIEMENS MR HEADER",
    "Philips Imaging DD 001",
    "TOSHIBA_MEC_CT3",
    "SIEMENS CSA NON-IMAGE",
    "HMC - CT - ID",
    "ELSCINT1",
    "Philips MR Imaging DD 005",
    "AGFA_ADC_Compact",
    "MITRA OBJECT UTF8 ATTRIBUTES 1.0",
    "Varian Medical Systems VISION 3253",
    "LORAD Selenia",
    "FDMS 1.0",
    "MERGE TECHNOLOGIES, INC.",
    "SPI-P Release 1",
    "KONICA1.0",
    "1.2.840.113681",
    "DIGISCAN IMAGE",
    "Siemens: Thorax/Multix FD Lab Settings",
)
VRS = (
    *("CS", "DA", "DS", "FD", "FL", "IS", "LO", "LT", "OB", "OW", "PN", "SH", "SL", "SQ", "SS"),
    *("ST", "TM", "UI", "UL", "UN", "US", "UT", "DT", "AS"),
)
VMS = ("1", "1", "1", "2", "3", "1-n", "2-2n", "16", "1-3")
GROUPS = (0x0009, 0x0011, 0x0019, 0x0021, 0x0029, 0x0043, 0x00E1, 0x2001, 0x2005, 0x7FE1, 0x300B)
TITLES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "name": "Attribute Name",
        "tag": "Tag",
        "vr": "VR",
        "vm": "VM",
        "group": "Group",
        "element": "Element",
        "creator": "Private Creator",
        "type": "Type",
        "value": "Value",
        "description": "Description",
        "note": "Note",
        "vrvm": "VR/VM",
        "other": "Identifiable Information",
    },
    "de": {
        "name": "Attributname",
        "tag": "Tag",
        "vr": "VR",
        "vm": "VM",
        "group": "Gruppe",
        "element": "Element",
        "creator": "Eigentümer",
        "type": "Typ",
        "value": "Wert",
        "description": "Beschreibung",
        "note": "Bemerkung",
        "vrvm": "VR/VM",
        "other": "Quelle",
    },
    "fr": {
        "name": "Nom de l'attribut",
        "tag": "Étiquette",
        "vr": "VR",
        "vm": "VM",
        "group": "Groupe",
        "element": "Élément",
        "creator": "Propriétaire",
        "type": "Type",
        "value": "Valeur",
        "description": "Description",
        "note": "Remarque",
        "vrvm": "VR/VM",
        "other": "Source",
    },
    "ja": {
        "name": "属性名",
        "tag": "タグ",
        "vr": "VR",
        "vm": "VM",
        "group": "グループ",
        "element": "エレメント",
        "creator": "Private Creator",
        "type": "タイプ",
        "value": "値",
        "description": "説明",
        "note": "備考",
        "vrvm": "VR/VM",
        "other": "備考",
    },
}
_DEJAVU = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


@dataclass(frozen=True)
class Entry:
    """One element that a statement lists."""

    group: int
    offset: int
    creator: str
    vr: str
    vm: str
    name: str
    description: str = ""

    @property
    def fact(self) -> Fact:
        return self.group, self.offset, self.creator, self.vr, self.vm, self.name


@dataclass(frozen=True)
class Layout:
    """How a statement lists its elements.

    `columns` are the keys of `TITLES`. `creator` says where the creator stands: heading, caption,
    row, value row (in a cell beside "Private Creator"), column, spanned (a cell over several
    rows), tag (a cell "(gggg, CREATOR, ee)"), below (under the tag), banner (a row across the
    table) or text (a sentence of its own above the table). `ruling` is grid, rows (horizontal
    rules alone), shaded, box or none.
    """

    columns: tuple[str, ...] = ("name", "tag", "vr", "vm")
    tag: str = "({g:04X},xx{e:02X})"
    creator: str = "heading"
    ruling: str = "grid"
    language: str = "en"
    titles: Mapping[str, str] = field(default_factory=dict)
    headed: bool = True
    repeat: bool = False
    align: str = "LEFT"
    valign: str = "TOP"
    font: str = "Helvetica"
    size: float = 9.0
    wrap: bool = False
    widths: Mapping[str, float] = field(default_factory=dict)
    heading: str = "B.{n} Private Creator Identification ({creator})"
    public: bool = False
    nested: bool = False
    landscape: bool = False
    margin: str = ""
    prose: bool = False
    page_break: bool = False
    side_by_side: bool = False


_WIDTHS = {
    "name": 150,
    "tag": 85,
    "vr": 30,
    "vm": 34,
    "group": 44,
    "element": 48,
    "creator": 130,
    "type": 34,
    "value": 60,
    "description": 110,
    "note": 110,
    "vrvm": 48,
    "other": 60,
}


def draw_elements(
    random: random_module.Random,
    count: int = 24,
    creators: Sequence[str] = CREATORS,
    most_words: int = 3,
) -> list[Entry]:
    """Give elements of two or three creators, in the order a statement lists them."""
    entries: list[Entry] = []
    chosen = random.sample(list(creators), min(len(creators), random.choice((2, 3))))
    used: set[tuple[int, int]] = set()
    for creator, group in zip(chosen, random.sample(GROUPS, len(chosen)), strict=False):
        offsets = sorted(random.sample(range(256), count // len(chosen)))
        for offset in offsets:
            if (group, offset) in used:
                continue
            used.add((group, offset))
            words = random.choices(WORDS, k=random.randint(1, most_words))
            name = " ".join([words[0].capitalize(), *words[1:]])
            described = " ".join(random.choices(WORDS, k=random.randint(0, 6)))
            entries.append(
                Entry(
                    group,
                    offset,
                    creator,
                    random.choice(VRS),
                    random.choice(VMS),
                    name,
                    described.capitalize(),
                )
            )
    return entries


def wanted(entries: Sequence[Entry], layout: Layout) -> list[Fact]:
    """Give the facts that a reader can find: what the layout leaves out is None."""
    has_vr = {"vr", "vrvm", "note"} & set(layout.columns)
    has_vm = {"vm", "vrvm", "note"} & set(layout.columns)
    return [
        (
            e.group,
            e.offset,
            e.creator if layout.creator != "none" else None,
            e.vr if has_vr else None,
            e.vm if has_vm else None,
            e.name if "name" in layout.columns else None,
        )
        for e in entries
    ]


def statement(entries: Sequence[Entry], layout: Layout) -> bytes:
    """Give the PDF that lists the elements."""
    maker = _Maker(layout)
    out = BytesIO()
    size = landscape(A4) if layout.landscape else A4
    document = SimpleDocTemplate(out, pagesize=size, leftMargin=40, rightMargin=30, topMargin=50)
    document.build(
        list(maker.story(entries)),
        onFirstPage=maker.decorate,
        onLaterPages=maker.decorate,
    )
    return out.getvalue()


def sections(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Divide the elements by creator and group, in their order."""
    part: list[Entry] = []
    for entry in entries:
        if part and (entry.creator, entry.group) != (part[0].creator, part[0].group):
            yield part
            part = []
        part.append(entry)
    if part:
        yield part


class _Maker:
    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.font = _font(layout)
        bold = "Helvetica-Bold" if self.font in ("Helvetica", "Times-Roman") else self.font
        self.body = ParagraphStyle(
            "cell",
            fontName=self.font,
            fontSize=layout.size,
            leading=1.2 * layout.size,
            alignment={"LEFT": 0, "CENTER": 1, "RIGHT": 2}[layout.align],
        )
        self.head = ParagraphStyle("head", fontName=bold, fontSize=12, leading=15, spaceBefore=8)
        self.caption = ParagraphStyle("caption", fontName=bold, fontSize=10, spaceBefore=10)
        self.prose = ParagraphStyle("prose", fontName=self.font, fontSize=10, spaceBefore=6)

    def decorate(self, canvas: Any, _document: Any) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.drawString(40, 20, "DICOM Conformance Statement  Rev. 3")
        canvas.drawRightString(500, 20, f"Page {canvas.getPageNumber()} of 99")
        if self.layout.margin:
            canvas.translate(18, 150)
            canvas.rotate(90)
            canvas.drawString(0, 0, self.layout.margin)
        canvas.restoreState()

    def story(self, entries: Sequence[Entry]) -> Iterator[Flowable]:
        layout = self.layout
        yield Paragraph("1 Introduction", self.head)
        yield Paragraph(
            "This statement describes the private attributes of the product.", self.prose
        )
        if layout.creator in ("heading", "caption", "text"):
            for number, part in enumerate(sections(entries), 1):
                creator = escape(part[0].creator)
                if layout.page_break and number > 1:
                    yield PageBreak()
                if layout.creator == "heading":
                    yield Paragraph(layout.heading.format(n=number, creator=creator), self.head)
                elif layout.creator == "caption":
                    yield Paragraph(f"B.{number} Private attributes", self.head)
                    yield Paragraph(layout.heading.format(n=number, creator=creator), self.caption)
                else:
                    yield Paragraph(f"B.{number} Private attributes", self.head)
                    yield Paragraph(layout.heading.format(n=number, creator=creator), self.prose)
                yield Spacer(1, 6)
                yield from self.tables(part)
        else:
            yield Paragraph("B.1 Private Attributes", self.head)
            yield Spacer(1, 6)
            yield from self.tables(entries)
        if layout.prose:
            yield Paragraph(
                "The attribute (0019,xx99) is sent for compatibility with releases before 2.0 and "
                "should not be used; see also (0021,1077) of the earlier release.",
                self.prose,
            )

    def tables(self, entries: Sequence[Entry]) -> Iterator[Flowable]:
        if self.layout.side_by_side:
            middle = (len(entries) + 1) // 2
            pair = [self.table(part) for part in (entries[:middle], entries[middle:]) if part]
            yield Table([pair], hAlign="LEFT", style=[("VALIGN", (0, 0), (-1, -1), "TOP")])
        else:
            yield self.table(entries)

    def table(self, entries: Sequence[Entry]) -> Table:
        layout = self.layout
        titles = {**TITLES[layout.language], **layout.titles}
        rows: list[list[Any]] = []
        spans: list[tuple[Any, ...]] = []
        if layout.headed:
            rows.append([self.cell(titles[c]) for c in layout.columns])
        blocks: dict[int, list[str]] = {}
        for part in sections(entries):
            first = part[0]
            block = blocks.setdefault(first.group, [])
            if first.creator not in block:
                block.append(first.creator)
            number = 0x10 + block.index(first.creator)
            start = len(rows)
            if layout.creator in ("row", "value row"):
                rows.append(self.creator_row(first, number))
                start += 1
            elif layout.creator == "banner":
                banner = layout.heading.format(n=1, creator=escape(first.creator))
                rows.append([self.cell(banner), *[""] * (len(layout.columns) - 1)])
                spans.append(("SPAN", (0, len(rows) - 1), (-1, len(rows) - 1)))
                start += 1
            for position, entry in enumerate(part):
                if layout.public and position % 5 == 2:
                    rows.append(self.row(Entry(0x0018, 0x50, "", "DS", "1", "Slice Thickness"), 0))
                rows.append(self.row(entry, number, nested=layout.nested and position % 4 == 3))
            if layout.creator == "spanned":
                column = layout.columns.index("creator")
                for row in rows[start + 1 :]:
                    row[column] = ""
                spans.append(("SPAN", (column, start), (column, len(rows) - 1)))
        widths = [layout.widths.get(c, _WIDTHS[c]) for c in layout.columns]
        if not layout.wrap:
            # No text runs over its neighbour, as none does in a statement.
            single = [row for row in rows if "" not in row[:2] or layout.creator != "banner"]
            for index, width in enumerate(widths):
                longest = max(self.width(row[index]) for row in single)
                widths[index] = max(width, longest + 13)
        style = [
            ("FONT", (0, 0), (-1, -1), self.font, layout.size),
            ("ALIGN", (0, 0), (-1, -1), layout.align),
            ("VALIGN", (0, 0), (-1, -1), layout.valign),
            *spans,
            *_RULINGS[layout.ruling](len(rows)),
        ]
        return Table(
            rows,
            colWidths=widths,
            style=TableStyle(style),
            repeatRows=int(layout.headed and layout.repeat),
            hAlign="LEFT",
        )

    def width(self, text: str) -> float:
        lines = text.split("\n")
        return max(pdfmetrics.stringWidth(t, self.font, self.layout.size) for t in lines)

    def cell(self, text: str) -> Any:
        return Paragraph(escape(text), self.body) if self.layout.wrap else text

    def row(self, entry: Entry, block: int, *, nested: bool = False) -> list[Any]:
        if block:
            tag = self.layout.tag.format(
                g=entry.group, e=entry.offset, b=block, creator=entry.creator
            )
        else:
            tag = f"({entry.group:04X},{entry.offset:04X})"
        if self.layout.creator == "below" and block:
            tag += "\n" + entry.creator
        parts = tag.strip("()").split(",")
        texts = {
            "name": (">" if nested else "") + entry.name,
            "tag": tag,
            "vr": entry.vr,
            "vm": entry.vm,
            "group": parts[0],
            "element": parts[-1],
            "creator": entry.creator,
            "type": "3",
            "value": "",
            "description": entry.description,
            "note": f"VR = {entry.vr}, VM = {entry.vm}",
            "vrvm": f"{entry.vr}/{entry.vm}",
            "other": "SAFE",
        }
        return [self.cell(texts[c]) for c in self.layout.columns]

    def creator_row(self, entry: Entry, block: int) -> list[Any]:
        open_ = "xx" in self.layout.tag
        parts = [f"{entry.group:04X}", "00xx" if open_ else f"{block:04X}"]
        holders = [c for c in ("value", "description", "note", "other") if c in self.layout.columns]
        holder = holders[0] if self.layout.creator == "value row" and holders else "name"
        tag = ",".join(parts)
        texts = {
            "name": "Private Creator",
            "tag": f"({tag})" if "(" in self.layout.tag else tag,
            "vr": "LO",
            "vm": "1",
            "group": parts[0],
            "element": parts[1],
            "type": "3",
            "vrvm": "LO/1",
            "note": "VR = LO, VM = 1",
        }
        if holder == "name":
            texts["name"] = f"Private Creator Identification ({entry.creator})"
        else:
            texts[holder] = entry.creator
        return [self.cell(texts.get(c, "")) for c in self.layout.columns]


def _grid(_rows: int) -> list[tuple[Any, ...]]:
    return [("GRID", (0, 0), (-1, -1), 0.5, colors.black)]


def _horizontal(_rows: int) -> list[tuple[Any, ...]]:
    return [("LINEBELOW", (0, 0), (-1, -1), 0.5, colors.black)]


def _shaded(rows: int) -> list[tuple[Any, ...]]:
    return [("BACKGROUND", (0, r), (-1, r), colors.lightgrey) for r in range(0, rows, 2)]


def _box(_rows: int) -> list[tuple[Any, ...]]:
    return [("BOX", (0, 0), (-1, -1), 1, colors.black)]


def _none(_rows: int) -> list[tuple[Any, ...]]:
    return []


_RULINGS: Mapping[str, Callable[[int], list[tuple[Any, ...]]]] = {
    "grid": _grid,
    "rows": _horizontal,
    "shaded": _shaded,
    "box": _box,
    "none": _none,
}


def _font(layout: Layout) -> str:
    if layout.language == "ja":
        name = "HeiseiKakuGo-W5"
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(UnicodeCIDFont(name))
        return name
    if layout.font == "DejaVuSans" and "DejaVuSans" not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont("DejaVuSans", _DEJAVU))
    return layout.font
