"""Templates of dicom3tools, ``.tpl``."""

from __future__ import annotations

import pytest

from atlas_dictionary.importers.dicom3tools import read_tpl

LINE = '(0019,{}) VERS="X"\tVR="{}"   VM="{}"\tOwner="{}"\tKeyword="{}"\tName="{}"\n'


def read(tmp_path, text):
    path = tmp_path / "acme.tpl"
    path.write_text(text)
    return read_tpl(path)


def line(element="000a", vr="US", vm="1", owner="ACME 1.0 ", keyword="GateCount", name="Gate"):
    return LINE.format(element, vr, vm, owner, keyword, name)


def test_a_line(tmp_path):
    table = read(tmp_path, "# gates\n\n" + line())
    (statement,) = table.statements
    assert (statement.key.creator, str(statement.key)) == ("ACME 1.0", "(0019,xx0a)")
    assert (statement.vrs, statement.vm) == (("US",), "1")
    assert (statement.keyword, statement.name) == ("GateCount", "Gate")
    assert (table.info.statements, table.info.unread, table.notes) == (1, 0, ())


def test_repeating_groups(tmp_path):
    (statement,) = read(tmp_path, line().replace("(0019", "(60xx")).statements
    assert str(statement.key) == "(60xx,xx0a)"


@pytest.mark.parametrize(
    ("vr", "vrs"), [("OW/OB", ("OW", "OB")), ("UN", ()), ("us", ("US",)), ("?", ())]
)
def test_vrs(tmp_path, vr, vrs):
    assert read(tmp_path, line(vr=vr)).statements[0].vrs == vrs


def test_a_keyword_that_says_nothing_is_none(tmp_path):
    (statement,) = read(tmp_path, line(keyword="?", name="?")).statements
    assert (statement.keyword, statement.name) == ("", "?")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (line(element="0111"), "line 2: element 0111 of 'ACME 1.0' is read as xx11"),
        (line(vr="XX"), "line 2: 'XX' names no VR of PS3.5 6.2: left empty"),
        (line(vm="some"), "line 2: VM 'some' is not of the form"),
        (line().rstrip()[:-1] + "\n", "line 2: Name has no closing quote"),
        (line().replace("Keyword", "KKeyword"), "line 2: attribute KKeyword is unknown"),
    ],
)
def test_slips_are_noted_and_the_rest_is_kept(tmp_path, text, note):
    table = read(tmp_path, "#\n" + text)
    assert len(table.statements) == 1
    assert table.info.unread == 0
    (said,) = table.notes
    assert f"acme.tpl, {note}" in said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0019,000a US\n", "expected"),
        (line(owner=" "), "has no private creator"),
        (line().replace("(0019", "(0018"), "has an even group"),
        (line().replace("VR=", "XR="), "no VR is given"),
    ],
)
def test_a_line_without_a_key_is_counted(tmp_path, text, reason):
    table = read(tmp_path, line() + text)
    assert (table.info.statements, table.info.unread) == (1, 1)
    assert "acme.tpl, line 2: " in table.notes[-1]
    assert reason in table.notes[-1] and table.notes[-1].endswith("left out")
