"""The table that GDCM is built with, in C++."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_dictionary import DictionaryError, Flags
from atlas_dictionary.compiler import read_source
from atlas_dictionary.importers.gdcm_table import read_gdcm_table

HEAD = """using DICT_ENTRY = struct {};

static const DICT_ENTRY Dict [] = {
"""
END = """  {0xffff,0xffff,"",VR::INVALID,VM::VM0,"",true }
};
  DictEntry e( n.name, "", n.vr, n.vm, n.ret );
"""


@pytest.fixture(scope="module")
def folder_of_tables(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def read(folder, *lines):
    path = folder / "acme.cxx"
    path.write_text(HEAD + "".join(f"{line}\n" for line in lines) + END)
    return read_gdcm_table(path)


def test_an_entry(tmp_path):
    table = read(tmp_path, '  {0x0019,0x000a,"ACME",VR::DS,VM::VM3_3n,"Gate count",false },')
    (statement,) = table.statements
    assert (statement.key.creator, str(statement.key)) == ("ACME", "(0019,xx0a)")
    assert (statement.vrs, statement.vm, statement.name) == (("DS",), "3-3n", "Gate count")
    assert table.notes == ()


def test_the_file_is_known_by_its_name(tmp_path):
    read(tmp_path, '{0x0019,0x000a,"ACME",VR::US_SS,VM::VM2,"Gate",true },')
    (statement,) = read_source(tmp_path / "acme.cxx").statements
    assert (statement.vrs, statement.flags) == (("US", "SS"), Flags.RETIRED)


def test_one_value_is_what_it_says_of_everything_and_so_says_nothing(tmp_path):
    table = read(tmp_path, '{0x0019,0x000a,"ACME",VR::LO,VM::VM1,"?",false },')
    assert table.statements[0].vm == ""


def test_comments_say_nothing_and_keep_the_numbers_of_lines(tmp_path):
    table = read(
        tmp_path,
        '/* {0x0019,0x0001,"ACME",VR::LO,VM::VM1,"?",false },',
        '{0x0019,0x0002,"ACME",VR::LO,VM::VM1,"?",false }, */',
        '{0x0019,0x0003,"ACME",VR::DS /* TM */,VM::VM3,"a, b",false }, // sometimes IS',
        '//{0x0019,0x0004,"ACME",VR::LO,VM::VM1,"?",false },',
        "{0x0019}",
    )
    assert [(str(s.key), s.name) for s in table.statements] == [("(0019,xx03)", "a, b")]
    assert "acme.cxx, line 8: is no entry" in table.faults[0]


@given(name=st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=20))
def test_a_name_comes_back_as_it_was_escaped(folder_of_tables, name):
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    table = read(folder_of_tables, f'  {{0x0019,0x000a,"ACME",VR::US,VM::VM2,"{escaped}",false }},')
    assert [s.name for s in table.statements] == [name.strip()]


def test_an_entry_that_is_no_private_element_is_noted(tmp_path):
    table = read(tmp_path, '{0x0018,0x000a,"ACME",VR::US,VM::VM1,"Gate",false },')
    assert table.statements == () and "an even group" in table.notes[0]
    assert table.faults == ()


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "other.cxx"
    path.write_text("int main() {}")
    with pytest.raises(DictionaryError, match=r"other.cxx, line 1: has no table"):
        read_gdcm_table(path)
