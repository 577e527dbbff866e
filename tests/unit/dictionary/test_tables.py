"""Source tables: TSV and CSV, ours and users'."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_dictionary import Condition, DictionaryError, Flags
from atlas_dictionary.keys import private_key
from atlas_dictionary.statements import SourceInfo, SourceTable, Statement
from atlas_dictionary.tables import read_table, write_table

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).map(str.strip)
statements = st.builds(
    Statement,
    key=st.builds(
        private_key,
        words.map(lambda w: w.strip(" \t\n\v\f\r\0")).filter(bool),
        st.just(0x0029),
        st.integers(0, 255),
    ),
    vrs=st.sampled_from([("US",), (), ("US", "SS")]),
    name=words,
    description=words,
    detail=words,
    flags=st.sampled_from([Flags(0), Flags.RETIRED, Flags.INFERRED | Flags.SAFE]),
    weight=st.integers(0, 9),
    condition=st.one_of(st.none(), st.builds(Condition, words.filter(bool), words, words)),
)


@given(st.lists(statements, max_size=5))
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read(tmp_path_factory, said):
    path = tmp_path_factory.mktemp("tables") / "any.tsv"
    info = SourceInfo("id", "A title", "https://example.org", "1.0", "MIT", rank=3, weight=2)
    path.write_text(write_table(SourceTable(info, tuple(said))), "utf-8", newline="")
    table = read_table(path)
    assert sorted(map(repr, table.statements)) == sorted(map(repr, said))
    assert (table.info.id, table.info.rank, table.info.weight) == ("id", 3, 2)
    assert write_table(table) == path.read_bytes().decode()


def test_a_csv_of_ones_own_needs_four_columns(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "# what our scanner writes\n"
        "creator,group,element,vr,name\n"
        '"ACME, INC. 1.0",0019,xx10,US,"Number of ""gates"""\n'
        "\n"
        ",0010,0010,PN,\n"
    )
    table = read_table(path)
    assert table.info.id == "mine"
    assert [(s.key.creator, str(s.key), s.name) for s in table.statements] == [
        ("ACME, INC. 1.0", "(0019,xx10)", 'Number of "gates"'),
        (None, "(0010,0010)", ""),
    ]


def test_what_the_head_says_is_read(tmp_path):
    path = tmp_path / "seen.tsv"
    info = SourceInfo("seen", kind="observed", family="old", successor="new", unread=3)
    path.write_text(write_table(SourceTable(info, ())), "utf-8")
    read = read_table(path).info
    assert (read.kind, read.family, read.unread) == ("observed", "old", 3)
    assert read.successor == "new"


HEAD = "creator\tgroup\telement\tvr\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: has no column 'group'"),
        ("# id: x\ncreator\tgroup\tvr\n", "line 2: has no column 'element'"),
        (HEAD.replace("vr", "vr\tcolour"), "line 1: column 'colour' is unknown"),
        (HEAD.replace("vr", "vr\tvr"), "line 1: a column appears twice"),
        (HEAD + "C\t0019\txx10\tXX\n", "line 2: 'XX' names no VR"),
        (HEAD + "C\t0019\txx10\tUS\nC\t19\txx10\tUS\n", "line 3: group '19' is not four"),
        (HEAD + "\t0019\t1010\tUS\n", "line 2: .* odd group and so needs a creator"),
        (HEAD + "C\t0019\txx10\tUS\tmore\n", "line 2: 5 fields under 4 columns"),
        (HEAD.replace("vr", "vr\tvm") + "C\t0019\txx10\tUS\tmany\n", "line 2: VM 'many'"),
        (HEAD.replace("vr", "vr\tflags") + "C\t0019\txx10\tUS\tnew\n", "line 2: flag 'new'"),
        (HEAD.replace("vr", "vr\tweight") + "C\t0019\txx10\tUS\t-1\n", "line 2: weight '-1'"),
        ("# weight: heavy\n" + HEAD, "line 1: weight is no whole number"),
        ("# kind: rumour\n" + HEAD, "line 1: kind is none of dictionary, observed"),
        (HEAD + "A\\x00B\t0019\txx10\tUS\n", "line 2: creator .* has a NUL"),
    ],
)
def test_faults_name_file_and_line(tmp_path, text, reason):
    path = tmp_path / "bad.tsv"
    path.write_text(text)
    with pytest.raises(DictionaryError, match=reason) as refusal:
        read_table(path)
    assert str(refusal.value).startswith(str(path))


def test_bytes_that_are_no_text_name_their_line(tmp_path):
    path = tmp_path / "bad.tsv"
    path.write_bytes(HEAD.encode() + b"C\t0019\txx10\tUS\nC\xe9\t0019\txx11\tUS\n")
    with pytest.raises(DictionaryError, match="line 3: not UTF-8"):
        read_table(path)
