"""Private dictionaries in GDCM's XML, which dicom-private-dicts has too."""

from __future__ import annotations

import pytest

from atlas_dictionary import DictionaryError
from atlas_dictionary.importers.gdcm import read_gdcm

ENTRY = '<entry owner="ACME" group="0019" element="{}" vr="{}" vm="{}" name="{}"/>'


def read(tmp_path, *entries):
    path = tmp_path / "acme.xml"
    path.write_text("<?xml version='1.0'?>\n<dict>\n" + "\n".join(entries) + "\n</dict>\n")
    return read_gdcm(path)


@pytest.mark.parametrize(
    ("element", "key"),
    [("xx0a", "(0019,xx0a)"), ("100a", "(0019,xx0a)"), ("000A", "(0019,xx0a)"),
     ("10xx", "(0019,xxxx)")],
)  # fmt: skip
def test_elements(tmp_path, element, key):
    table = read(tmp_path, ENTRY.format(element, "US", "1", "Gate"))
    assert [str(s.key) for s in table.statements] == [key]
    assert table.notes == ()


@pytest.mark.parametrize(("vr", "vrs"), [("US_SS", ("US", "SS")), ("UN", ())])
def test_vrs(tmp_path, vr, vrs):
    assert read(tmp_path, ENTRY.format("xx0a", vr, "1", "Gate")).statements[0].vrs == vrs


@pytest.mark.parametrize(("vm", "read_as"), [("1-n", "1-n"), ("3or4", "3-4"), ("0-n", "1-n")])
def test_vms(tmp_path, vm, read_as):
    assert read(tmp_path, ENTRY.format("xx0a", "US", vm, "Gate")).statements[0].vm == read_as


@pytest.mark.parametrize("vm", ["1 2", "1eenote3"])
def test_the_mark_of_a_footnote_makes_no_vm(tmp_path, vm):
    table = read(tmp_path, ENTRY.format("xx0a", "US", vm, "Gate"))
    assert table.statements[0].vm == ""
    assert "acme.xml, line 3: VM" in table.notes[0]


@pytest.mark.parametrize(
    ("written", "name"),
    [("A &amp; B", "A & B"), ("A &amp;amp; B", "A & B"), ("&#x2019;s  code ", "\u2019s code")],
)
def test_escapes_in_names(tmp_path, written, name):
    assert read(tmp_path, ENTRY.format("xx0a", "US", "1", written)).statements[0].name == name


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ('<entry group="0019" element="xx0a" vr="US"/>', "has no private creator"),
        ('<entry owner="ACME" group="0019" vr="US"/>', "an entry without element"),
        ('<entry owner="ACME" group="0018" element="xx0a" vr="US"/>', "an even group"),
        ("<other/>", "element <other> is unknown"),
    ],
)
def test_what_is_no_entry_is_counted_and_named(tmp_path, entry, reason):
    table = read(tmp_path, ENTRY.format("xx0a", "US", "1", "Gate"), entry)
    assert (table.info.statements, table.info.unread) == (1, 1)
    assert "acme.xml, line 4: " in table.notes[0] and reason in table.notes[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("<dict>", "not XML"), ('<!DOCTYPE d [<!ENTITY e "x">]><dict/>', "entities are not read")],
)
def test_other_files_are_refused(tmp_path, text, reason):
    path = tmp_path / "bad.xml"
    path.write_text(text)
    with pytest.raises(DictionaryError, match=f"bad.xml, line 1: {reason}"):
        read_gdcm(path)
