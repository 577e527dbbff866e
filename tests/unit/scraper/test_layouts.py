"""Statements made from lists of elements, in the layouts met in the field, read back whole."""

import random
from dataclasses import replace

import pytest

from atlas_scraper import Element, scrape
from tests.unit.scraper.statements import (
    CREATORS,
    Entry,
    Fact,
    Layout,
    draw_elements,
    statement,
    wanted,
)

UNRULED = ("rows", "shaded", "box", "none")
WRAPPED = {"wrap": True, "widths": {"name": 80, "description": 70}}
FIVE = ("name", "tag", "vr", "vm", "description")

LAYOUTS: dict[str, Layout] = {
    "a heading for each creator": Layout(),
    "cells of several lines, tag above": Layout(columns=FIVE, **WRAPPED),
    "cells of several lines, tag in the middle": Layout(columns=FIVE, valign="MIDDLE", **WRAPPED),
    "cells of several lines, tag below": Layout(columns=FIVE, valign="BOTTOM", **WRAPPED),
    "a column of creators": Layout(
        ("tag", "creator", "name", "vr", "vm"),
        creator="column",
        titles={"creator": "Private Owner Code"},
        widths={"creator": 190},
    ),
    "a narrow column of creators": Layout(
        ("tag", "creator", "name", "vr", "vm"),
        tag="({g:04x},xx{e:02x})",
        creator="column",
        wrap=True,
        widths={"creator": 80, "name": 80},
    ),
    "creator rows, the creator in the description": Layout(
        ("tag", "name", "vr", "vm", "description"),
        creator="value row",
        widths={"description": 190},
    ),
    "creator rows of PS3.2 with many columns": Layout(
        ("name", "tag", "vr", "vm", "other", "value", "description"),
        creator="value row",
        wrap=True,
        size=8,
        widths={"name": 100, "tag": 75, "value": 120, "description": 70},
    ),
    "creator rows, VR and VM in a note": Layout(
        ("name", "tag", "note"), tag="{g:04X},{b:02X}{e:02X}", creator="row", widths={"name": 330}
    ),
    "creator rows with concrete blocks": Layout(
        ("tag", "name", "vr", "vm", "value"),
        tag="({g:04X},{b:02X}{e:02X})",
        creator="row",
        widths={"name": 320},
    ),
    "group and element apart": Layout(
        ("group", "element", "name", "vr", "vm"),
        tag="{g:04X},xx{e:02X}",
        creator="row",
        widths={"name": 330},
    ),
    "VR and VM in one column": Layout(("name", "tag", "vrvm", "description")),
    "captions": Layout(creator="caption", heading="Table A-{n}. Private Group - Demo ({creator})"),
    "the creator in the tag": Layout(
        ("tag", "name", "vr", "vm"),
        tag="({g:04X}, {creator}, {e:02X})",
        creator="tag",
        widths={"tag": 240},
    ),
    "the creator in the tag, quoted": Layout(
        ("tag", "name", "vr", "vm"),
        tag='({g:04X},"{creator}",{e:02X})',
        creator="tag",
        widths={"tag": 240},
    ),
    "the creator below the tag": Layout(creator="below", widths={"tag": 190}),
    "a banner in the table": Layout(creator="banner", heading="Private Creator: {creator}"),
    "a sentence above": Layout(creator="text", heading="The private creator is {creator}."),
    "a quoted name above": Layout(creator="text", heading='Private Creator ID: "{creator}"'),
    "private attributes of": Layout(heading="8.{n} Private Attributes of {creator}"),
    "the creator before private attributes": Layout(heading="8.{n} {creator} Private Attributes"),
    "no heading": Layout(headed=False),
    "no heading and no VR": Layout(("tag", "name"), headed=False),
    "no VR": Layout(("tag", "name", "description")),
    "centred": Layout(align="CENTER"),
    "to the right": Layout(("vm", "vr", "name", "tag"), align="RIGHT"),
    "German": Layout(("name", "tag", "type", "vr", "vm", "note"), language="de"),
    "French": Layout(("tag", "vr", "vm", "name", "description"), language="fr"),
    "Japanese": Layout(("tag", "name", "vr", "vm", "description"), language="ja"),
    "public elements between": Layout(public=True),
    "items of sequences": Layout(nested=True),
    "00ee": Layout(tag="({g:04X},00{e:02X})"),
    "nnee": Layout(tag="({g:04x},NN{e:02x})"),
    "__ee": Layout(tag="({g:04X},__{e:02X})"),
    "with a space": Layout(tag="({g:04X}, xx{e:02X})"),
    "0xgggg, 0xeeee": Layout(tag="0x{g:04X}, 0x{b:02X}{e:02X}"),
    "0xggggeeee": Layout(tag="0x{g:04X}{b:02X}{e:02X}"),
    "ggggeeee": Layout(tag="{g:04X}{b:02X}{e:02X}"),
    "gggg eeee": Layout(tag="{g:04X} {b:02X}{e:02X}"),
    "gggg:eeee": Layout(tag="{g:04X}:{b:02X}{e:02X}"),
    "[gggg,eeee]": Layout(tag="[{g:04X},{b:02X}{e:02X}]"),
    "Times": Layout(font="Times-Roman", size=7.5),
    "Courier": Layout(font="Courier", size=8, widths={"name": 200, "tag": 90}),
    "a landscape page": Layout(
        ("name", "tag", "creator", "type", "vr", "vm", "value", "description"),
        creator="column",
        landscape=True,
        widths={"creator": 190, "name": 170},
    ),
    "two tables side by side": Layout(
        side_by_side=True, size=7, widths={"name": 130, "tag": 58, "vr": 22, "vm": 24}
    ),
    "prose with tags below": Layout(prose=True),
    "titles in other words": Layout(
        wrap=True,
        titles={
            "tag": "DICOM Tag (hex)",
            "name": "Name of Attribute",
            "vr": "Value Representation",
            "vm": "Value Multiplicity",
        },
        widths={"vr": 75, "vm": 60},
    ),
    "titles that do not say tag": Layout(titles={"tag": "Data Element", "name": "Element Name"}),
    "a page for each creator": Layout(page_break=True, repeat=True),
    "text in the margin": Layout(margin="Private Creator: WRONG_01 (0019,1077) US 1 Wrong"),
}


@pytest.fixture
def read(tmp_path):
    """Make a statement and give the elements read from it."""

    def read(entries: list[Entry], layout: Layout) -> list[Element]:
        path = tmp_path / "statement.pdf"
        path.write_bytes(statement(entries, layout))
        return [item for item in scrape(path) if isinstance(item, Element)]

    return read


def facts(found: list[Element]) -> list[Fact]:
    return [(e.group, e.offset, e.creator, e.vr, e.vm, e.name) for e in found]


@pytest.mark.parametrize("name", LAYOUTS)
def test_ruled(read, name):
    entries = draw_elements(random.Random(name), 18)
    assert facts(read(entries, LAYOUTS[name])) == wanted(entries, LAYOUTS[name])


@pytest.mark.parametrize("name", LAYOUTS)
def test_without_ruling(read, name):
    """Every layout by the places of its words alone; the rules that some draw do not harm."""
    ruling = UNRULED[sum(name.encode()) % len(UNRULED)]
    layout = replace(LAYOUTS[name], ruling=ruling)
    entries = draw_elements(random.Random(f"{name} without ruling"), 18)
    found = facts(read(entries, layout))
    if layout.valign == "TOP":
        assert found == wanted(entries, layout)
    else:
        # Where the tag stands is not told by a rule: a line of a name may go to its neighbour.
        assert [fact[:5] for fact in found] == [fact[:5] for fact in wanted(entries, layout)]


@pytest.mark.parametrize("seed", range(8))
def test_columns_in_any_order(read, seed):
    random_ = random.Random(seed)
    columns = random_.sample(("name", "tag", "vr", "vm", "type", "description"), 6)
    layout = Layout(
        tuple(columns),
        ruling=random_.choice(("grid", "none")),
        font=random_.choice(("Helvetica", "Times-Roman", "Courier")),
        size=7.0,
        align=random_.choice(("LEFT", "CENTER")),
        tag=random_.choice(("({g:04X},xx{e:02X})", "{g:04x},{b:02x}{e:02x}")),
        widths={"name": 165, "description": 165},
    )
    entries = draw_elements(random_, 24)
    assert facts(read(entries, layout)) == wanted(entries, layout)


@pytest.mark.parametrize("ruling", ["grid", "none"])
def test_a_table_over_many_pages(read, ruling):
    entries = draw_elements(random.Random(ruling), 240)
    layout = Layout(ruling=ruling)
    assert facts(read(entries, layout)) == wanted(entries, layout)


@pytest.mark.parametrize("creator", [*CREATORS, "UIH", "EXINTMODMAKER", "Private_Maker.7"])
@pytest.mark.parametrize("ruling", ["grid", "none"])
def test_creators_of_every_shape(read, creator, ruling):
    """A creator is the vendor's own string: a UID, a company's name, words in any case."""
    layout = Layout(("tag", "name", "vr", "vm", "description"), creator="value row", ruling=ruling)
    entries = [
        Entry(0x0019, 0x01, creator, "US", "1", "Gain"),
        Entry(0x0019, 0x02, creator, "CS", "1-n", "Mode"),
    ]
    layout = replace(layout, widths={"description": 220})
    assert facts(read(entries, layout)) == wanted(entries, layout)
