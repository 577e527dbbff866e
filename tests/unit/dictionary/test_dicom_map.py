"""dicom-map's tags.csv."""

from __future__ import annotations

import pytest

from atlas_dictionary import DictionaryError, Flags
from atlas_dictionary.compiler import read_source
from atlas_dictionary.importers.dicom_map import COLUMNS

HEAD = ",".join(COLUMNS) + "\n"


def read(tmp_path, *rows):
    path = tmp_path / "tags.csv"
    path.write_text(HEAD + "".join(row + "\n" for row in rows))
    return read_source(path)


def test_a_private_element(tmp_path):
    (statement,) = read(
        tmp_path,
        '0019,xx0a,"ACME, INC. ",US_SS,1-n,GateCount,Gate count,"How many",False,acme,gdcm|manual',
    ).statements
    assert (statement.key.creator, str(statement.key)) == ("ACME, INC.", "(0019,xx0a)")
    assert (statement.vrs, statement.vm) == (("US", "SS"), "1-n")
    assert (statement.keyword, statement.name) == ("GateCount", "Gate count")
    assert statement.description == "How many"
    assert statement.detail == "vendors: acme; sources: gdcm|manual"
    assert Flags.RETIRED not in statement.flags


def test_a_standard_element_has_no_creator(tmp_path):
    (statement,) = read(tmp_path, "0x0010,0x0010,,PN,1,PatientName,,,true,,").statements
    assert (statement.key.creator, str(statement.key)) == (None, "(0010,0010)")
    assert statement.flags == Flags.RETIRED


def test_a_row_without_a_key_is_counted_and_named(tmp_path):
    table = read(tmp_path, "0019,xx0a,,US,1,,,,,,", "0019,xx0a,ACME,US,1,,,,,,")
    assert (len(table.statements), table.info.unread) == (1, 1)
    assert "tags.csv, line 2: " in table.notes[0]


def test_columns_that_are_missing_are_named(tmp_path):
    path = tmp_path / "tags.csv"
    path.write_text("group,element,private_creator,vr\n")
    with pytest.raises(DictionaryError, match=r"tags.csv, line 1: has no column 'vm'"):
        read_source(path)
