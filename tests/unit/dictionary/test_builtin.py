"""Facts about the dictionary that is shipped, and where it comes from."""

from __future__ import annotations

import pytest

from atlas_dictionary import Flags, open_dictionary
from atlas_dictionary.compiler import compile_tables, read_sources
from atlas_dictionary.importers.pydicom import import_private, import_public
from atlas_dictionary.keys import EXACT
from atlas_dictionary.multiplicity import widen
from atlas_dictionary.reader import BUILT_IN
from atlas_dictionary.tables import read_table, write_table
from atlas_dictionary.verify import verify


def test_is_what_its_sources_compile_to(folder):
    assert compile_tables(read_sources([folder / "sources"])) == BUILT_IN.read_bytes()


def test_is_sound_and_within_its_size():
    dictionary = open_dictionary()
    verify(dictionary.container)
    assert BUILT_IN.stat().st_size <= 3 * 1024 * 1024


@pytest.mark.parametrize(
    ("name", "importer"), [("pydicom-private", import_private), ("pydicom-public", import_public)]
)
def test_source_tables_are_what_the_importer_writes(folder, name, importer):
    table = importer()
    path = folder / "sources" / f"{name}.tsv"
    if read_table(path).info.version != table.info.version:
        pytest.skip("another version of pydicom is installed")
    assert write_table(table) == path.read_text("utf-8")


@pytest.mark.parametrize(
    ("creator", "group", "element", "vr", "vm", "keyword"),
    [
        ("SIEMENS MR HEADER", 0x0019, 0x100A, "US", "1", "NumberOfImagesInMosaic"),
        ("SIEMENS CSA HEADER", 0x0029, 0x1010, "OB", "1", "CSAImageHeaderInfo"),
        ("GEMS_PARM_01", 0x0043, 0x1039, "IS", "4", None),
        ("CANON_MEC_MR3", 0x0029, 0x1001, "SQ", "1", "OtherPrivateData"),
        ("SIEMENS MR HEADER", 0x0051, 0x100E, "LO", "1", None),
        ("GEMS_IMAG_01", 0x0027, 0x1033, "UL", "1", None),
        ("Philips Imaging DD 001", 0x2001, 0x1003, "FL", "1", None),
        ("SIEMENS MR SDI 02", 0x0021, 0x108C, "FD", "", ""),
        ("STENTOR", 0x0073, 0x1003, "ST", "1", "StentorRemoteAETitleElement"),
    ],
)
def test_known_private_elements(creator, group, element, vr, vm, keyword):
    entry = open_dictionary().private(creator, group, element)
    assert entry is not None
    assert (entry.vr, entry.vm) == (vr, vm)
    assert keyword in (None, entry.keyword)


@pytest.mark.parametrize(
    ("tag", "vr", "keyword"),
    [
        (0x00100010, "PN", "PatientName"),
        (0x00280106, "US or SS", "SmallestImagePixelValue"),
        (0x7FE00010, "OB or OW", "PixelData"),
        (0x60023000, "OB or OW", "OverlayData"),
        (0x50020010, "US", "NumberOfPoints"),
        (0x002031AB, "CS", "SourceImageIDs"),
    ],
)
def test_known_standard_elements(tag, vr, keyword):
    entry = open_dictionary().public(tag)
    assert entry is not None
    assert (entry.vr, entry.keyword) == (vr, keyword)
    assert entry.ambiguous == (" or " in vr)
    assert [candidate.vr for candidate in entry.candidates] == vr.split(" or ")


def test_an_odd_group_is_never_standard():
    assert open_dictionary().public(0x60013000) is None


def test_no_entry_of_pydicom_is_lost():
    """All 10,545 but 6 are found, those without ``xx`` too; collisions are kept as candidates.

    The 6 are no private elements: two of an even group, four that reserve a block.
    """
    dictionary = open_dictionary()
    table = import_private()
    assert (len(table.statements), len(table.notes)) == (10539, 6)
    whole_blocks = 0
    for statement in table.statements:
        key = statement.key
        if key.names_block:
            whole_blocks += 1
            continue
        group = key.tag >> 16
        entry = dictionary.private(key.creator, group | (~key.mask >> 16 & 1), key.tag)
        assert entry is not None, statement
        assert set(statement.vrs) <= {candidate.vr for candidate in entry.candidates}
    assert whole_blocks == 11


def test_every_standard_entry_of_pydicom_is_found():
    dictionary = open_dictionary()
    for statement in import_public().statements:
        # 2 in place of each open digit: a tag that no exact key has.
        entry = dictionary.public(statement.key.tag | ~statement.key.mask & 0x22222222)
        assert entry is not None
        assert statement.vrs == tuple(candidate.vr for candidate in entry.candidates)
        if statement.key.mask == EXACT and statement.keyword:
            assert dictionary.by_keyword(statement.keyword) is entry


def test_every_keyword_is_an_identifier_and_no_name_is_a_mark_of_doubt():
    for entry in open_dictionary():
        assert entry.keyword == "" or entry.keyword.isidentifier(), entry
        assert "?" not in entry.name and not set(entry.name) & set("\u2018\u2019\u201c\u201d")
        assert entry.vr != "SQ" or entry.vm == "1"


def test_no_private_entry_is_of_an_even_group_or_reserves_a_block():
    dictionary = open_dictionary()
    private = [e for e in dictionary if e.creator is not None and e.key.mask & 0x10000]
    assert [str(e.key) for e in private if not e.group & 1] == []
    assert dictionary.private("GEMS_GENIE_1", 0x0009, 0x00) is None
    assert dictionary.private("MMCPrivate", 0x0029, 0x00) is None
    # A dictionary has the reservation, others an element of the block under the same offset.
    assert dictionary.private("ELGEMS_XPERT", 0x7FA1, 0x00).vr == "OB"


def test_info_counts_what_iteration_gives():
    dictionary = open_dictionary()
    entries = list(dictionary)
    info = dictionary.info()
    assert info["entries"] == len(entries) == len(dictionary)
    assert info["private"] == sum(entry.creator is not None for entry in entries)
    assert info["ambiguous"] == sum(
        Flags.AMBIGUOUS in entry.flags for entry in entries if entry.creator
    )
    assert info["creators"] == len(dictionary.creators())
    private = [entry for entry in entries if entry.creator]
    assert sum(info["private_by_vendor"].values()) == info["private"] == len(private)
    assert info["safe"] == sum(Flags.SAFE in entry.flags for entry in private)
    assert sum(info["conflicts"].values()) == sum(Flags.DISAGREEMENT in e.flags for e in entries)


def test_is_the_largest():
    """16,000 private elements with one usable VR, none of them without a source."""
    private = [e for e in open_dictionary() if e.creator is not None and not e.key.names_block]
    entries = [e for e in private if e.vr != "UN" and not e.ambiguous]
    assert len(entries) >= 16000
    assert all(entry.sources and entry.candidates for entry in entries)


def test_what_the_vendor_was_seen_to_write_is_a_candidate_and_fits_the_vm(folder):
    """Whatever the dictionaries say: the law that keeps real values from being refused."""
    dictionary = open_dictionary()
    for statement in read_table(folder / "sources" / "observed.tsv").statements:
        if Flags.OBSERVED not in statement.flags:
            continue
        key = statement.key
        entry = dictionary.private(key.creator, key.tag >> 16, key.tag)
        heaviest = max(c.weight for c in entry.candidates if c.condition is None)
        assert {c.vr: c.weight for c in reversed(entry.candidates) if c.condition is None}[
            statement.vrs[0]
        ] == heaviest
        if statement.vm and entry.vm != "1" and statement.vrs[0] in entry.vr:
            assert entry.vm == widen(entry.vm, statement.vm, 99)


def test_what_is_inferred_from_a_sibling_is_less_sure():
    inferred = [e for e in open_dictionary() if Flags.INFERRED in e.flags]
    assert inferred
    for entry in inferred:
        assert (entry.sources[-1].id, entry.confidence) == ("siblings", 0.8), entry
        assert len(entry.candidates) == 1


def test_safe_private_attributes_are_flagged():
    dictionary = open_dictionary()
    for creator, group, offset in (
        ("SIEMENS MR HEADER", 0x0019, 0x0C),
        ("GEMS_PARM_01", 0x0043, 0x39),
        ("Philips PET Private Group", 0x7053, 0x00),
    ):
        assert Flags.SAFE in dictionary.private(creator, group, offset).flags
    assert Flags.SAFE not in dictionary.private("SIEMENS CSA HEADER", 0x0029, 0x10).flags
