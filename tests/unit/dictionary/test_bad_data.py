"""Files that a reader must refuse, from dictionary/bad_data, and every cut of a good one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_dictionary import DictionaryError, layout, open_dictionary
from atlas_dictionary.container import Container
from atlas_dictionary.reader import FileDictionary
from atlas_dictionary.verify import verify

REASONS = {
    "open-cut": "bytes, its header says",
    "open-empty": "not a compiled dictionary",
    "open-wrong-magic": "not a compiled dictionary",
    "open-newer-major": "version 2.0, this program reads 1.x: update it",
    "open-header-cut": "cut short: 20 bytes",
    "open-longer-than-it-says": "has 761 bytes, its header says 760",
    "open-header-checksum": "checksum of the header differs",
    "open-many-sections": "cannot hold 268435455 sections",
    "open-section-outside": "section 'ENTR' at",
    "open-section-overlap": "section 'SRCS' at",
    "open-section-unaligned": "section 'STRS' at",
    "open-section-missing": "section 'PATT' is missing",
    "open-section-twice": "section 'COND' appears twice",
    "open-record-too-small": "records of section 'ENTR' have 43 bytes",
    "open-record-too-large": "records of section 'COND' have 2147483648 bytes",
    "open-hash-table-size": "BHSH has 3 slots",
    "open-string-without-end": "the last string of section 'STRS' has no end",
    "open-no-empty-string": "does not begin with the empty string",
    "verify-body-checksum": "checksum of the body",
    "verify-string-outside": "record 0 of section ENTR: a string outside",
    "verify-string-middle": "record 0 of section ENTR: a reference into the middle",
    "verify-string-not-utf8": "string at 2 is not UTF-8",
    "verify-creator-outside": "record 0 of section ENTR: .* CRTR does not have",
    "verify-candidates-outside": "record 0 of section ENTR: .* CAND does not have",
    "verify-sources-outside": "record 0 of section ENTR: .* SREF does not have",
    "verify-source-outside": "record 0 of section SREF: .* SRCS does not have",
    "verify-condition-outside": "record 0 of section CAND: .* COND does not have",
    "verify-block-of-name-outside": "record 0 of section BNAM: .* BLKS does not have",
    "verify-entries-of-block-outside": "record 0 of section BLKS: .* ENTR does not have",
    "verify-map-and-count-differ": "map and number of entries differ",
    "verify-map-of-another-block": "its entries are of another block",
    "verify-slot-outside": "record 0 of section THSH: .* ENTR does not have",
    "verify-no-free-slot": "hash table THSH has no free slot",
    "verify-vr-no-letters": "a VR that is not two capital letters",
    "verify-confidence-above-1": "a confidence above 100",
}


def test_the_folder_has_what_the_generator_makes(folder, bad_data):
    kept = {path.name: path.read_bytes() for path in (folder / "bad_data").glob("*.adict")}
    assert kept == bad_data.bad_files()


def test_each_is_refused_with_its_reason(folder):
    for path in (folder / "bad_data").glob("*.adict"):
        name = "open-cut" if path.stem.startswith("open-cut-at-") else path.stem
        with pytest.raises(DictionaryError, match=REASONS[name]) as refusal:
            open_dictionary(path)
        assert str(refusal.value).startswith(f"{path}: ")
        assert "\n" not in str(refusal.value)


def test_the_header_alone_tells_the_faults_of_opening(folder):
    for path in (folder / "bad_data").glob("*.adict"):
        if path.stem.startswith("open-"):
            with pytest.raises(DictionaryError):
                Container(path.read_bytes(), "file")
        else:
            Container(path.read_bytes(), "file")


def test_every_cut_is_refused(bad_data):
    good = bad_data.example()
    verify(Container(good, "whole"))
    for length in range(len(good)):
        with pytest.raises(DictionaryError):
            Container(good[:length], "cut")


def test_every_changed_byte_is_noticed(bad_data):
    good = bad_data.example()
    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 0x41
        with pytest.raises(DictionaryError):
            verify(Container(bytes(changed), "changed"))


@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, 759),
            st.binary(min_size=1, max_size=4) | st.sampled_from([b"\0" * 4, b"\xff" * 4]),
        ),
        min_size=1,
        max_size=6,
    ),
    in_header=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_damage_that_the_checksums_do_not_show_is_refused_or_harmless(bad_data, changes, in_header):
    """Whatever the bytes, with checksums made right: no other error, with the check or without."""
    data = bytearray(bad_data.example())
    header_length = layout.HEADER.size + len(layout.SECTIONS) * layout.SECTION.size
    for place, new in changes:
        start = place % (header_length if in_header else len(data))
        data[start : start + len(new)] = new[: len(data) - start]
    # The length of the header has to be right for the checksums to be where they are read.
    data[12:16] = header_length.to_bytes(4, "little")
    for ask in (verify, _ask_everything):
        try:
            ask(Container(bad_data.sealed(data), "damaged"))
        except DictionaryError as refusal:
            assert "\n" not in str(refusal)


def _ask_everything(file):
    dictionary = FileDictionary(file)
    dictionary.private("SIEMENS MR HEADER", 0x19, 0x0A)
    dictionary.private("siemens  mr header", 0x19, 0x0B)
    dictionary.by_keyword("PatientName")
    dictionary.public(0x00100010)
    dictionary.public(0x00100011)
    list(dictionary)


def test_what_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(DictionaryError, match="cannot be read: No such file"):
        open_dictionary(tmp_path / "none.adict")
    with pytest.raises(DictionaryError, match="cannot be read: Is a directory"):
        open_dictionary(tmp_path)


def test_a_later_minor_version_is_read(bad_data):
    """New sections, longer records and new flags of 1.x are passed over."""
    import struct

    good = Container(bad_data.example(), "1.0")
    header = layout.HEADER.size + 16 * layout.SECTION.size
    table, body = b"", b""
    for section in good.sections():
        body += bytes(-(header + len(body)) % 8)
        longer = 0 if section.name == "STRS" else 4
        table += struct.pack(
            "<4sIII",
            section.name.encode(),
            header + len(body),
            section.count,
            section.size + longer,
        )
        for number in range(section.count):
            start = section.offset + number * section.size
            body += good.data[start : start + section.size] + b"\xee" * longer
    body += bytes(-(header + len(body)) % 8)
    table += struct.pack("<4sIII", b"NEWS", header + len(body), 1, 8)
    body += b"whatever"
    head = layout.HEADER.pack(layout.MAGIC, 1, 9, header, header + len(body), 16, 0, 0)
    newer = Container(bad_data.sealed(bytearray(head + table + body)), "1.9")
    verify(newer)
    dictionary = FileDictionary(newer)
    assert list(dictionary) == list(FileDictionary(good))
    entry = dictionary.private("SIEMENS MR HEADER", 0x19, 0x0A)
    assert entry is not None and entry.vr == "US"
    assert dictionary.lookup_many("SIEMENS MR HEADER", [0x19], [0x0A]).vr.tolist() == [b"US"]
