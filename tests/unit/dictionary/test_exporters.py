"""Exports, read back with whatever reads their form; tests/interop has the real programs."""

from __future__ import annotations

import importlib.util
import json
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_dictionary import Condition, Flags, open_dictionary
from atlas_dictionary.compiler import compile_tables, read_source
from atlas_dictionary.container import Container
from atlas_dictionary.exporters import FORMATS, Format, select
from atlas_dictionary.keys import EXACT, PRIVATE, ElementKey
from atlas_dictionary.layers import open_file
from atlas_dictionary.reader import FileDictionary
from atlas_dictionary.statements import VRS, SourceInfo, SourceTable, Statement


def text_of(dictionary, form, creator=None):
    return FORMATS[form](select(dictionary, creator)).files[""]


def stated(entry):
    """What an entry says, without the evidence behind it."""
    flags = Flags(entry.flags & (Flags.SAFE * 2 - 1))
    # Among candidates of equal weight the order says nothing.
    conditional = sorted((c for c in entry.candidates if c.condition), key=repr)
    return (
        entry.key, entry.vr, entry.vm, entry.keyword, entry.name, entry.description, flags,
        conditional,
    )  # fmt: skip


@pytest.fixture
def odd(compiled, say):
    """A dictionary of all that is awkward to write."""
    return compiled(
        [
            say("ACME <1> & 'co'", "0019", "xx0a", "US", vm="1-3", name='A "name" <b>'),
            say("ACME  1", "0019", "xx0a", "US or SS", vm="2-2n", name="Twice", keyword="Twice"),
            say("acme 1", "0019", "xx0b", "OB or OW", vm="", name="Twice", keyword="Twice"),
            say("#hash", "0019", "xx0a", "", name="", flags=Flags.RETIRED),
            say('QUOTE"D', "0019", "xx0a", "DS", name="tab\tin name"),
            say("PAPYRUS", "60xx", "xx01", "LT"),
            say("BLOCK", "0019", "10xx", "LO"),
            say("NEVER", "0003", "xx01", "LO"),
            say(None, "0010", "0010", "PN", name="Patient's Name", keyword="PatientName"),
        ]
    )


def test_csv_says_the_same_when_read_back(odd, tmp_path):
    path = tmp_path / "all.csv"
    for dictionary in (odd, open_dictionary()):
        path.write_text(text_of(dictionary, Format.CSV), "utf-8")
        assert list(map(stated, open_file(path))) == list(map(stated, dictionary))


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12).map(str.strip)
random_statements = st.builds(
    Statement,
    key=st.one_of(
        st.builds(
            lambda creator, offset: ElementKey(creator, 0x00190000 | offset, PRIVATE),
            texts.filter(lambda text: text.split()),
            st.integers(0, 255),
        ),
        st.integers(0, 0x7FFF).map(lambda n: ElementKey(None, n << 17, EXACT)),
    ),
    vrs=st.lists(st.sampled_from(sorted(VRS)), max_size=3, unique=True).map(tuple),
    vm=st.sampled_from(["", "1", "1-n"]),
    name=texts,
    keyword=texts,
    description=texts,
    flags=st.sampled_from([Flags(0), Flags.RETIRED, Flags.OBSERVED | Flags.SAFE]),
    weight=st.integers(1, 9),
    condition=st.one_of(st.none(), st.just(Condition("GE*", "", "2?"))),
)


@given(said=st.lists(random_statements, max_size=8))
@settings(max_examples=60, deadline=None)
def test_csv_of_anything_says_the_same_when_read_back(said, tmp_path_factory):
    table = SourceTable(SourceInfo("s", statements=len(said)), tuple(said))
    dictionary = FileDictionary(Container(compile_tables([table]), "random"))
    path = tmp_path_factory.mktemp("csv") / "any.csv"
    path.write_text(text_of(dictionary, Format.CSV), "utf-8", newline="")
    assert list(map(stated, open_file(path))) == list(map(stated, dictionary))


def test_json_has_every_entry_with_its_evidence(odd):
    assert json.loads(text_of(odd, Format.JSON)) == [entry.to_json() for entry in odd]


def test_dcmtk_is_read_back_by_our_importer(odd, tmp_path):
    path = tmp_path / "out.dic"
    exported = FORMATS[Format.DCMTK](select(odd))
    path.write_text(exported.files[""])
    read = {(s.key.creator, str(s.key)): s for s in read_source(path).statements}
    assert read["ACME  1", "(0019,xx0a)"].vrs == ("US", "SS")
    assert read["acme 1", "(0019,xx0b)"].stated_vr == "OB or OW"
    # Both spellings of one creator have what either says.
    assert read["acme 1", "(0019,xx0a)"].vm == read["ACME  1", "(0019,xx0a)"].vm == "2-2n"
    assert read["PAPYRUS", "(60xx,xx01)"].vrs == ("LT",)
    assert read["#hash", "(0019,xx0a)"].vrs == ()
    assert {creator for creator, _ in read} == {
        "ACME <1> & 'co'", "ACME  1", "acme 1", "#hash", "PAPYRUS",
    }  # fmt: skip
    assert exported.entries == len(read)
    assert sum(int(re.match(r"left out (\d+)", note)[1]) for note in exported.notes) == 3


def test_orthanc_spells_a_tag_of_several_creators_in_several_ways(compiled, say):
    creators = [f"ACME {n}" for n in range(6)]
    said = [say(creator, "0019", "xx0a", "US", vm="2-n", name="N") for creator in creators]
    exported = FORMATS[Format.ORTHANC](select(compiled([*said, said[5]], said[5:])))
    configuration = json.loads(exported.files[""])
    # Orthanc does not start where its own private dictionary has the tag as well.
    assert configuration["LoadPrivateDictionary"] is False
    written = configuration["Dictionary"]
    assert written["0019,0a"] == ["US", "N", 2, 0, "ACME 5"]
    assert list(written) == [
        "0019,0a", "0019,000a", "0019-000a", "0019000a", "0019,0A", "0019,000A",
    ]  # fmt: skip
    assert {value[4] for value in written.values()} == set(creators)
    said = [say(f"ACME {n}", "0019", "xx10", "US") for n in range(6)]
    exported = FORMATS[Format.ORTHANC](select(compiled(said)))
    assert exported.entries == 4
    assert exported.notes[0].startswith("left out 2: more creators have the tag")


def test_gdcm_is_read_back_by_our_importer(odd, tmp_path):
    path = tmp_path / "privatedicts.xml"
    path.write_text(text_of(odd, Format.GDCM), "utf-8")
    read = {(s.key.creator, str(s.key)): s for s in read_source(path).statements}
    assert read["ACME <1> & 'co'", "(0019,xx0a)"].name == 'A "name" <b>'
    assert read["ACME  1", "(0019,xx0a)"].vrs == ("US", "SS")
    assert read['QUOTE"D', "(0019,xx0a)"].vrs == ("DS",)
    assert read["PAPYRUS", "(60xx,xx01)"].vrs == ("LT",)


def test_gdcm_has_the_form_of_the_published_file():
    root = ET.fromstring(text_of(open_dictionary(), Format.GDCM))
    assert root.tag == "dict" and len(root) > 10000
    for entry in root:
        assert list(entry.attrib) == ["group", "element", "vr", "vm", "name", "owner"]
        assert re.fullmatch(r"[0-9a-f]{4}|[0-9a-f]{2}xx", entry.get("group"))
        assert re.fullmatch(r"xx[0-9a-f]{2}", entry.get("element"))
        assert set(entry.get("vr").split("_")) <= VRS | {"UN"}


def test_dcm4che_has_a_file_a_creator_with_keywords_that_java_takes(odd):
    for dictionary in (odd, open_dictionary()):
        exported = FORMATS[Format.DCM4CHE](select(dictionary))
        assert len({name.lower() for name in exported.files}) == len(exported.files)
        creators = set()
        for name, text in exported.files.items():
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\.xml", name)
            root = ET.fromstring(text)
            creators.add(root.get("creator"))
            keywords = [el.get("keyword") for el in root]
            assert len(set(keywords)) == len(keywords)
            assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", keyword) for keyword in keywords)
            # The words that Java keeps for itself have no capital.
            assert not any(k.islower() and k[0] != "_" for k in keywords)
            for el in root:
                assert re.fullmatch(r"[0-9A-F]{4}xx[0-9A-F]{2}", el.get("tag"))
                assert el.get("vr") in VRS | {"UN"}
        assert len(creators) == len(exported.files)
    assert "ACME <1> & 'co'" in {
        ET.fromstring(text).get("creator")
        for text in FORMATS[Format.DCM4CHE](select(odd)).files.values()
    }


def test_the_module_for_pydicom_registers_its_entries(odd, tmp_path, pydicom_dictionary):
    from pydicom.datadict import get_private_entry

    path = tmp_path / "acme.py"
    path.write_text(text_of(odd, Format.PYDICOM))
    spec = importlib.util.spec_from_file_location("acme", path)
    module = importlib.util.module_from_spec(spec)
    before = {creator: dict(entries) for creator, entries in pydicom_dictionary.items()}
    spec.loader.exec_module(module)
    assert pydicom_dictionary == before
    module.register()
    assert get_private_entry(0x0019100A, "ACME <1> & 'co'") == ("US", "1-3", 'A "name" <b>', "")
    assert get_private_entry(0x0019110A, "ACME  1")[0] == "UN"
    assert get_private_entry(0x0019100B, "ACME  1") == get_private_entry(0x0019100B, "acme 1")
    assert get_private_entry(0x0019100A, "#hash")[3] == "Retired"


def test_pydicom_takes_the_module_of_all_entries(pydicom_dictionary):
    module = {}
    exec(text_of(open_dictionary(), Format.PYDICOM), module)
    module["register"]()
    for creator, entries in module["ENTRIES"].items():
        assert len(pydicom_dictionary[creator]) >= len(entries)
        for vr, vm, name, retired in entries.values():
            assert vr in VRS | {"UN"} and re.fullmatch(r"[0-9]+(-[0-9]*n?)?", vm)
            assert name and "?" not in name and retired in ("", "Retired")


def test_a_creator_may_be_chosen_with_a_pattern():
    chosen = select(open_dictionary(), "siemens mr*").entries
    assert len(chosen) > 10
    assert all(entry.creator.lower().startswith("siemens mr") for entry in chosen)
