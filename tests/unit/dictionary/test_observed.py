"""Counts of VRs in real files."""

from __future__ import annotations

import pytest

from atlas_dictionary import Condition, DictionaryError, Flags
from atlas_dictionary.compiler import read_source
from atlas_dictionary.importers.observed import COLUMNS

HEAD = "\t".join(COLUMNS) + "\n"


def read(tmp_path, *rows):
    path = tmp_path / "seen.tsv"
    path.write_text(HEAD + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    return read_source(path)


def row(vr="LO", vendor=9, toolkit=0, vm="1", makers="ACME:9", writers="ACME_2:9"):
    return ("ACME 1.0", "0019", "xx0a", vr, vendor, toolkit, 9, 9, vm, makers, writers)


def test_vendor_and_toolkit_are_told_apart(tmp_path):
    table = read(tmp_path, row(toolkit=3, writers="ACME_2:9;OFFIS_DCMTK_360:3"))
    own, anew = table.statements
    assert table.info.kind == "observed"
    assert (own.vrs, own.weight, own.flags) == (("LO",), 9, Flags.OBSERVED)
    assert own.detail == "9 files written by the vendor: ACME_2"
    assert (anew.weight, anew.flags) == (3, Flags(0))
    assert anew.detail == "3 files written anew by a toolkit: OFFIS_DCMTK_360"


def test_a_workstation_does_not_pass_for_the_vendor(tmp_path):
    table = read(tmp_path, row(vendor=1, toolkit=3, writers="OFFIS_DCMTK_354:3;eFilm/efDICOM:1"))
    assert [(s.weight, s.flags) for s in table.statements] == [(4, Flags(0))]


@pytest.mark.parametrize(
    ("counts", "vm"), [("1", "1"), ("0", ""), ("0,1", "1"), ("3,7,11", "3-11"), ("", "")]
)
def test_numbers_of_values_become_a_range(tmp_path, counts, vm):
    assert read(tmp_path, row(vm=counts)).statements[0].vm == vm


def test_where_a_vendor_writes_two_vrs_the_releases_are_conditions(tmp_path):
    table = read(
        tmp_path,
        row("FL", 56, makers="Philips:56", writers="Philips MR 57.0:56"),
        row("SL", 2, makers="Philips:2", writers="Philips MR 110.0:2"),
    )
    assert [(s.vrs, s.weight, s.condition) for s in table.statements if s.condition] == [
        (("FL",), 56, Condition("Philips*", "", "5.7*")),
        (("SL",), 2, Condition("Philips*", "", "11.0*")),
    ]


def test_what_everybody_writes_has_no_condition(tmp_path):
    table = read(tmp_path, row(writers="DV28.0:9"))
    assert [s.condition for s in table.statements] == [None]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(vendor="many"), "'many' is no number of files"),
        (row()[:5], "5 fields under 11 columns"),
        (("", *row()[1:]), "has no private creator"),
    ],
)
def test_a_line_that_cannot_be_read_is_counted_and_named(tmp_path, bad, reason):
    table = read(tmp_path, row(), bad)
    assert (len(table.statements), table.info.unread) == (1, 1)
    assert "seen.tsv, line 3: " in table.notes[0] and reason in table.notes[0]


def test_other_columns_are_refused(tmp_path):
    path = tmp_path / "seen.tsv"
    path.write_text("creator\tfiles_vendor_written\n")
    with pytest.raises(DictionaryError, match=r"seen.tsv, line 1: the columns should be"):
        read_source(path)
