"""How a compiled dictionary answers."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from atlas_dictionary import Flags, open_dictionary


def test_the_block_number_does_not_count(compiled, say):
    dictionary = compiled([say("CANON_MEC_MR3", "0029", "0001", "SQ")])
    for element in (0x0001, 0x1001, 0x4501, 0x01):
        assert dictionary.private("CANON_MEC_MR3", 0x0029, element).vr == "SQ"
    assert dictionary.private("CANON_MEC_MR3", 0x0029, 0x1002) is None
    assert dictionary.private("CANON_MEC_MR3", 0x0019, 0x1001) is None


def test_a_creator_is_found_as_written_then_folded(compiled, say):
    dictionary = compiled([say("SIEMENS CT VA0  COAD", "0019", "xx10", "IS")])
    for spelling in ("SIEMENS CT VA0  COAD", "SIEMENS CT VA0 COAD", "siemens ct va0   coad"):
        assert dictionary.private(spelling, 0x19, 0x10).creator == "SIEMENS CT VA0  COAD"
    assert dictionary.private("SIEMENS CT VA0COAD", 0x19, 0x10) is None


@pytest.mark.parametrize("creator", ["", " ", "A\0B", "\udcff", "x" * 10000, "SIEMENS\x1b[31m"])
def test_what_no_dictionary_has_is_not_found(creator):
    dictionary = open_dictionary()
    assert dictionary.block(creator, 0x19) is None
    assert dictionary.private(creator, 0x19, 0x10) is None


def test_a_block_is_held(compiled, say):
    said = [say("C", "0019", f"xx{offset:02x}", "US") for offset in (0, 7, 8, 63, 64, 255)]
    block = compiled(said).block("C", 0x19)
    assert (block.creator, block.group, block.offsets) == ("C", 0x19, (0, 7, 8, 63, 64, 255))
    assert [entry.element for entry in block] == [0, 7, 8, 63, 64, 255]
    assert [offset for offset in range(256) if block.get(offset)] == list(block.offsets)
    for outside in (-1, 256, 0x1000):
        with pytest.raises(ValueError, match="outside of a block"):
            block.get(outside)


def test_a_repeating_group_answers_in_each_of_its_groups(compiled, say):
    dictionary = compiled(
        [say("PAPYRUS 3.0", "60xx", "xx01", "LT"), say("PAPYRUS 3.0", "6003", "xx01", "LO")]
    )
    assert dictionary.private("PAPYRUS 3.0", 0x6001, 0x1001).vr == "LT"
    assert str(dictionary.private("PAPYRUS 3.0", 0x60FF, 0x1001).key) == "(60xx,xx01)"
    assert dictionary.private("PAPYRUS 3.0", 0x6003, 0x1001).vr == "LO"
    assert dictionary.private("PAPYRUS 3.0", 0x6101, 0x1001) is None


def test_an_entry_that_names_a_block_answers_for_no_element(compiled, say):
    dictionary = compiled(
        [say("GEMS_ACQU_01", "0019", "10xx", "LO"), say("GEMS_ACQU_01", "0019", "xx02", "SL")]
    )
    answers = {dictionary.private("GEMS_ACQU_01", 0x19, offset) for offset in range(256)}
    assert {entry.vr for entry in answers if entry} == {"SL"}
    assert [str(entry.key) for entry in dictionary] == ["(0019,xx02)", "(0019,xxxx)"]


def test_the_pattern_with_most_digits_wins(compiled, say):
    dictionary = compiled(
        [
            say(None, "1010", "xxxx", "US"),
            say(None, "1010", "04x0", "LO"),
            say(None, "1010", "0400", "DS"),
        ]
    )
    assert [dictionary.public(tag).vr for tag in (0x10100400, 0x10100430, 0x10100431)] == [
        "DS",
        "LO",
        "US",
    ]


def test_a_keyword_is_that_of_a_standard_element(compiled, say):
    dictionary = compiled(
        [
            say(None, "0010", "0010", "PN", keyword="PatientName"),
            say("C", "0019", "xx10", "US", keyword="NumberOfImages"),
        ]
    )
    assert dictionary.by_keyword("PatientName").key.tag == 0x00100010
    assert dictionary.by_keyword("NumberOfImages") is None
    assert dictionary.by_keyword("") is None


def test_numbers_of_numpy_will_do():
    dictionary = open_dictionary()
    numbers = np.array([0x19, 0x100A, 0x00100010])
    assert dictionary.private("SIEMENS MR HEADER", numbers[0], numbers[1]).vr == "US"
    assert dictionary.public(numbers[2]).vr == "PN"


def test_an_empty_dictionary_answers_nothing(compiled):
    dictionary = compiled([])
    assert len(dictionary) == 0
    assert dictionary.public(0x00100010) is None
    assert dictionary.by_keyword("PatientName") is None
    assert not dictionary.lookup_many(["C", None], [0x19, 0x10], [0x10, 0x10]).found.any()


def test_entries_carry_their_evidence(compiled, say):
    dictionary = compiled(
        [say("C", "0019", "xx0a", "US", detail="p. 12", vm="1", flags=Flags.OBSERVED)],
        [say("C", "0019", "xx0a", "US or SS", vm="1-n")],
    )
    entry = dictionary.private("C", 0x19, 0x0A)
    assert [(s.id, s.detail, s.stated) for s in entry.sources] == [
        ("a", "p. 12", "US"),
        ("b", "", "US or SS"),
    ]
    assert entry.vm == "1-n"
    assert entry.flags == Flags.OBSERVED


def test_threads_and_forked_processes_share_one_dictionary():
    dictionary = open_dictionary()
    expected = list(open_dictionary())

    def all_of_it(_: int) -> bool:
        return list(dictionary) == expected

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(all_of_it, range(8)))
    child = os.fork()
    if child == 0:
        os._exit(0 if all_of_it(0) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_opening_needs_neither_numpy_nor_pydicom():
    code = """
import sys
from atlas_dictionary import open_layers
assert open_layers().private("SIEMENS MR HEADER", 0x19, 0x0a)
loaded = {"numpy", "pydicom", "typer"} & set(sys.modules)
assert not loaded, loaded
"""
    environment = {k: v for k, v in os.environ.items() if k != "ATLAS_DICTPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, env=environment
    )
    assert done.returncode == 0, done.stderr
