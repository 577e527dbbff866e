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
    assert both.private("ACME 1.0", 0x99, 0x1001).vr == "US"
    assert open_layers([table, dic], environ={}).private("SIEMENS MR HEADER", 0x19, 0x0A).vr == "SS"


NAMES = (
    "creator,group,element,vr,name\n"
    "SIEMENS MR HEADER,0019,xx0a,,Tiles\n"
    "SIEMENS MR HEADER,0019,xx0b,UN,\n"
    "SIEMENS MR HEADER,0019,xxee,UN,Nobody knows\n"
    "PAPYRUS 3.0,60xx,xx00,UN,Mine\n"
    ",0010,0010,,Name of the patient\n"
)


def test_an_entry_without_a_vr_hides_no_vr(tmp_path):
    """It may add a name; the VR and the evidence for it shine through."""
    path = tmp_path / "names.csv"
    path.write_text(NAMES)
    layers, built_in = open_layers([path], environ={}), open_dictionary()
    tiles, known = (d.private("SIEMENS MR HEADER", 0x19, 0x0A) for d in (layers, built_in))
    assert (tiles.vr, tiles.name, tiles.vm) == ("US", "Tiles", known.vm)
    assert tiles.keyword == "Tiles" and tiles.candidates == known.candidates
    assert [source.id for source in tiles.sources] == ["names", *(s.id for s in known.sources)]
    unnamed, known = (d.private("SIEMENS MR HEADER", 0x19, 0x0B) for d in (layers, built_in))
    assert (unnamed.vr, unnamed.name) == (known.vr, known.name)
    assert layers.private("SIEMENS MR HEADER", 0x19, 0xEE).vr == "UN"
    assert layers.private("PAPYRUS 3.0", 0x6001, 0).vr == "IS"
    assert (layers.public(0x00100010).vr, layers.public(0x00100010).name) == (
        "PN", "Name of the patient",
    )  # fmt: skip
    visible = {entry.key: entry for entry in layers}
    assert visible[tiles.key] == tiles
    matches = layers.lookup_many(
        ["SIEMENS MR HEADER", "SIEMENS MR HEADER", None], [0x19, 0x19, 0x10], [0x0A, 0xEE, 0x10]
    )
    assert matches.vr.tolist() == [b"US", b"UN", b"PN"]
    assert matches.entry(0) == tiles
    assert matches.entry(2) == layers.public(0x00100010)


def test_several_vrs_do_hide_one(tmp_path):
    path = tmp_path / "several.csv"
    path.write_text("creator,group,element,vr\nSIEMENS MR HEADER,0019,xx0a,US or SS\n")
    layers = open_layers([path], environ={})
    assert layers.private("SIEMENS MR HEADER", 0x19, 0x0A).vr == "US or SS"
    assert layers.lookup_many("SIEMENS MR HEADER", [0x19], [0x0A]).vr.tolist() == [b"UN"]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("x.jsonl", '{"a":1', "line 1: not JSON"),
        ("x.jsonl", '\n{"group":"0019"}\n', "line 2: element '' is not four"),
        ("x.tpl", '#\n(0019,000a) VR="US" Owner="A"\n(0019 000b) VR="US"\n', "line 3: .*expected"),
        ("x.xml", "<dict>\n<entry/>\n</dict>", "line 2: an entry without group"),
        ("x.csv", "creator,group,element,vr,vm\nSIEMENS MR HEADER,0019,xx0a\n",
         "line 2: 3 fields under 5 columns, the line ends before 'vr'"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_an_error(tmp_path, name, text, reason):
    path = tmp_path / name
    path.write_text(text)
    for paths, environ in (([path], {}), ([], {"ATLAS_DICTPATH": str(path)})):
        with pytest.raises(DictionaryError, match=reason) as refusal:
            open_layers(paths, environ)
        assert str(path) in str(refusal.value)


def test_a_line_that_names_no_private_element_is_left_out_and_logged(tmp_path, caplog):
    caplog.set_level("INFO")
    path = tmp_path / "acme.csv"
    path.write_text(
        "creator,group,element,vr,name\n"
        "ACME 1.0,0098,xx01,US,Even\nACME 1.0,0099,xx00,LO,Private Creator\n"
        "ACME 1.0,0099,xx01,US,Odd\n"
    )
    layers = open_layers([path], environ={})
    assert len(layers) == len(open_dictionary()) + 1
    assert f"{path}, line 2: (0098,xx01) of 'ACME 1.0' has an even group" in caplog.text
    assert f"{path}, line 3: (0099,xx00) of 'ACME 1.0', 'Private Creator', is the" in caplog.text


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
    assert matches.vr.tolist() == [b"SS", b"UL", b"US", b"UN", b"IS", b"LO"]
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
