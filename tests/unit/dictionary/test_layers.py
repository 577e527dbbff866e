"""Files of one's own above the built-in dictionary."""

from __future__ import annotations

import pytest

from atlas_dictionary import DictionaryError, open_dictionary, open_layers
from atlas_dictionary.compiler import compile_tables, read_source
from atlas_dictionary.dictionary import Dictionary
from atlas_dictionary.layers import open_file

DIC = '(0019,"SIEMENS MR HEADER",0a)\tSS\tMine\t1\n(0019,"SIEMENS MR HEADER",fe)\tUL\tNew\t1\n'
CSV = (
    "creator,group,element,vr,keyword\n"
    "SIEMENS MR HEADER,0019,xx0a,UN,\n"
    "ACME 1.0,0099,xx01,US,\n"
    ",0010,0010,LO,PatientName\n"
)


@pytest.fixture
def dic(tmp_path):
    path = tmp_path / "mine.dic"
    path.write_text(DIC)
    return path


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "more.csv"
    path.write_text(CSV)
    return path


def test_no_files_give_the_built_in_dictionary():
    assert list(open_layers([], environ={})) == list(open_dictionary())


def test_a_later_layer_wins_and_the_rest_shines_through(dic, table):
    below = open_layers([dic], environ={})
    assert below.private("SIEMENS MR HEADER", 0x19, 0x100A).vr == "SS"
    assert below.private("siemens mr header", 0x19, 0x10FE).vr == "UL"
    assert below.private("SIEMENS MR HEADER", 0x19, 0x100B).vr == "DS"
    both = open_layers([dic, table], environ={})
    assert both.private("SIEMENS MR HEADER", 0x19, 0x100A).vr == "UN"
    assert both.private("ACME 1.0", 0x99, 0x1001).vr == "US"
    assert open_layers([table, dic], environ={}).private("SIEMENS MR HEADER", 0x19, 0x0A).vr == "SS"


def test_a_block_has_the_elements_of_all_layers(dic):
    block = open_layers([dic], environ={}).block("SIEMENS MR HEADER", 0x19)
    built_in = open_dictionary().block("SIEMENS MR HEADER", 0x19)
    assert set(block.offsets) == {*built_in.offsets, 0xFE}
    assert [entry.element for entry in block] == list(block.offsets)


def test_standard_elements_and_keywords_are_overlaid(table):
    layers = open_layers([table], environ={})
    assert layers.public(0x00100010).vr == "LO"
    assert layers.by_keyword("PatientName").vr == "LO"
    assert layers.by_keyword("PatientID").vr == "LO"
    assert layers.public(0x60023000).vr == "OB or OW"


def test_iteration_shows_what_is_not_hidden(dic, table):
    layers = open_layers([dic, table], environ={})
    entries = list(layers)
    assert len(entries) == len(layers) == len(open_dictionary()) + 2
    assert len({entry.key for entry in entries}) == len(entries)
    assert "ACME 1.0" in layers.creators()
    assert layers.info()["entries"] == len(entries)
    assert [layer["file"] for layer in layers.info()["layers"]][1:] == [str(dic), str(table)]


def test_many_at_once_answer_as_one_by_one(dic, table):
    layers = open_layers([dic, table], environ={})
    asked = [
        ("SIEMENS MR HEADER", 0x19, 0x100A),
        ("SIEMENS MR HEADER", 0x19, 0x10FE),
        ("ACME 1.0", 0x99, 0x1001),
        ("ACME 1.0", 0x99, 0x1002),
        ("GEMS_PARM_01", 0x43, 0x1039),
        (None, 0x10, 0x10),
    ]
    creators, groups, elements = zip(*asked, strict=True)
    matches = layers.lookup_many(creators, groups, elements)
    assert matches.vr.tolist() == [b"UN", b"UL", b"US", b"UN", b"IS", b"LO"]
    assert matches.found.tolist() == [True, True, True, False, True, True]
    for index, (creator, group, element) in enumerate(asked):
        expected = (
            layers.public(group << 16 | element)
            if creator is None
            else layers.private(creator, group, element)
        )
        assert matches.entry(index) == expected


def test_the_environment_adds_layers_on_top(dic, table):
    layers = open_layers([table], environ={"ATLAS_DICTPATH": f"{dic}:"})
    assert layers.private("SIEMENS MR HEADER", 0x19, 0x0A).vr == "SS"


def test_a_compiled_file_is_a_layer(dic, tmp_path):
    path = tmp_path / "mine.adict"
    path.write_bytes(compile_tables([read_source(dic)]))
    layers = open_layers([path], environ={})
    assert isinstance(layers, Dictionary)
    assert layers.private("SIEMENS MR HEADER", 0x19, 0x0A).vr == "SS"


def test_a_fault_names_file_and_line(dic, tmp_path):
    bad = tmp_path / "bad.dic"
    bad.write_text(DIC + "(nonsense)\n")
    with pytest.raises(DictionaryError, match=r"bad\.dic, line 3"):
        open_layers([dic, bad], environ={})
    with pytest.raises(DictionaryError, match="not a compiled dictionary"):
        bad.rename(tmp_path / "bad.txt")
        open_layers([tmp_path / "bad.txt"], environ={})


def test_reading_again_shows_what_a_file_says_now(dic):
    running = open_layers([dic], environ={})
    dic.write_text('(0019,"SIEMENS MR HEADER",0a)\tSL\tMine\t1\n')
    again = open_layers([dic], environ={})
    assert again.private("SIEMENS MR HEADER", 0x19, 0x0A).vr == "SL"
    assert running.private("SIEMENS MR HEADER", 0x19, 0x0A).vr == "SS"


def test_a_fault_leaves_the_running_dictionary_in_force(dic, tmp_path):
    compiled = tmp_path / "mine.adict"
    compiled.write_bytes(compile_tables([read_source(dic)]))
    running = open_layers([dic, compiled], environ={})
    dic.write_text(DIC + "(nonsense)\n")
    with pytest.raises(DictionaryError, match=r"mine\.dic, line 3"):
        open_layers([dic, compiled], environ={})
    # Overwritten in its place, cut short: what is open does not lie in the file.
    compiled.write_bytes(b"")
    with pytest.raises(DictionaryError, match=r"mine\.adict: not a compiled"):
        open_layers([compiled], environ={})
    assert running.private("SIEMENS MR HEADER", 0x19, 0x0A).vr == "SS"
    assert [entry.vr for entry in running.block("SIEMENS MR HEADER", 0x19)][-1] == "UL"


def test_one_file_alone(dic, tmp_path):
    assert len(open_file(dic)) == 2
    with pytest.raises(DictionaryError, match=r"none\.adict: cannot be read: No such file"):
        open_file(tmp_path / "none.adict")
