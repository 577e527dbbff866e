"""DCMTK data dictionaries, ``.dic``."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas_dictionary import DictionaryError
from atlas_dictionary.importers.dcmtk import read_dic


def read(tmp_path, text):
    path = tmp_path / "my.dic"
    path.write_text(text)
    return read_dic(path)


@pytest.mark.parametrize(
    ("tag", "key"),
    [
        ('(0019,"SIEMENS MR HEADER",0a)', "(0019,xx0a)"),
        ('(0019,"SIEMENS MR HEADER",100a)', "(0019,xx0a)"),
        ('(6001-o-60ff,"PAPYRUS 3.0",00)', "(60xx,xx00)"),
        ("(0010,0010)", "(0010,0010)"),
        ("(6000-60FF,3000)", "(60xx,3000)"),
        ("(0020,3100-31FF)", "(0020,31xx)"),
    ],
)
def test_tags(tmp_path, tag, key):
    (statement,) = read(tmp_path, f"{tag}\tUS\tSomeName\t1\tPrivateTag\n").statements
    assert str(statement.key) == key
    assert (statement.vrs, statement.vm, statement.keyword) == (("US",), "1", "SomeName")


def test_a_range_that_digits_do_not_express_is_spelled_out(tmp_path):
    table = read(tmp_path, '(0019,"C",10-o-17)\tUS\tSome\t1\n(0029,"C",10-u-12)\tUS\tSome\t1\n')
    assert [str(s.key) for s in table.statements] == [
        "(0019,xx11)",
        "(0019,xx13)",
        "(0019,xx15)",
        "(0019,xx17)",
        "(0029,xx10)",
        "(0029,xx11)",
        "(0029,xx12)",
    ]


@pytest.mark.parametrize(
    ("vr", "vrs"), [("ox", ("OB", "OW")), ("xs", ("US", "SS")), ("up", ("UL",)), ("UN", ())]
)
def test_vrs_of_dcmtks_own(tmp_path, vr, vrs):
    (statement,) = read(tmp_path, f"(0028,0106)\t{vr}\tName\t1\tDICOM\n").statements
    assert statement.vrs == vrs


def test_a_later_line_overrides_and_says_so(tmp_path):
    table = read(tmp_path, '(0019,"C",10)\tUS\tOld\t1\n# a comment\n(0019,"C",10)\tSS\tNew\t1\n')
    assert [(s.vrs, s.name) for s in table.statements] == [(("SS",), "New")]
    assert table.notes[0].endswith("line 3: (0019,xx10) overrides an earlier line, US becomes SS")


def test_group_lengths_of_all_private_groups_are_left_out_and_noted(tmp_path):
    table = read(tmp_path, "(0009-o-FFFF,0000)\tUL\tPrivateGroupLength\t1\tPRIVATE\n")
    assert table.statements == ()
    assert "line 1" in table.notes[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0019,10 US Name 1", "expected"),
        ('(0019,"C",10)\tUS', "expected"),
        ('(0019,"C",10)\tZZ\tName\t1', "'ZZ' names no VR"),
        ('(0019,"C",10)\tUS\tName\tfew', "VM 'few'"),
        ('(0019,"C",20-10)\tUS\tName\t1', "runs backwards"),
    ],
)
def test_faults_name_file_and_line(tmp_path, line, reason):
    with pytest.raises(DictionaryError, match=f"my.dic, line 2: .*{reason}"):
        read(tmp_path, f"# first\n{line}\n")


@pytest.mark.parametrize("name", ["dicom.dic", "private.dic", "acrnema.dic", "diconde.dic"])
def test_dcmtks_own_files_are_read(name):
    path = Path("/usr/share/libdcmtk17") / name
    if not path.exists():
        pytest.skip("DCMTK's dictionaries are not installed")
    table = read_dic(path)
    lines = [line for line in path.read_text("utf-8").splitlines() if line.startswith("(")]
    left_out = sum("left out" in note for note in table.notes)
    assert len(lines) - left_out - len(table.statements) <= 0.01 * len(lines)
