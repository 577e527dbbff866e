"""FORMAT.md against the writer: its example and its numbers."""

from __future__ import annotations

import re

import pytest

from atlas_dictionary import Flags, layout


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "FORMAT.md").read_text("utf-8")


def test_the_example_is_what_the_writer_gives(text, bad_data):
    dump = re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?){1,16}) ", text, re.MULTILINE)
    assert bytes.fromhex(" ".join(dump)) == bad_data.example()


def test_every_section_is_described_with_its_stride(text):
    described = {}
    for heading in re.findall(r"^### (.*)$", text, re.MULTILINE):
        sizes = [int(n) for n in re.findall(r"\d+", heading.split("(")[1])]
        tags = re.findall(r"\b[A-Z]{4}\b", heading)
        described.update(zip(tags, sizes * len(tags) if len(sizes) == 1 else sizes, strict=True))
    assert described == {tag.decode(): size for tag, size in layout.SECTIONS.items()}


def test_every_flag_is_described(text):
    values = {int(value, 16) for value in re.findall(r"^\| ([0-9]{4}) \|", text, re.MULTILINE)}
    assert values == {flag.value for flag in Flags}
