from __future__ import annotations

import dataclasses

import pytest

from atlas_dictionary import DictionaryError
from atlas_dictionary.resolution import resolve
from atlas_dictionary.statements import SourceInfo, SourceTable
from atlas_dictionary.writer import save, write_dictionary


def resolved(*statements):
    return resolve([SourceTable(SourceInfo("s"), statements)])


def test_order_of_statements_does_not_change_the_file(say):
    said = [
        say("B", "0019", "xx01", "US"),
        say("A", "0019", "xx02", "SS"),
        say(None, "0010", "0010", "PN"),
    ]
    assert write_dictionary(resolved(*said), {}) == write_dictionary(resolved(*said[::-1]), {})


@pytest.mark.parametrize("creator", ["A\0B", "A\udc80"])
def test_refuses_a_creator_that_no_file_can_hold(say, creator):
    with pytest.raises((DictionaryError, UnicodeEncodeError)):
        write_dictionary(resolved(say(creator, "0019", "xx01", "US")), {})


def test_refuses_private_groups_that_repeat_otherwise(say):
    with pytest.raises(DictionaryError, match="only groups such as 60xx repeat"):
        write_dictionary(resolved(say("C", "0xx9", "xx01", "US")), {})


def test_refuses_one_key_twice(say):
    twice = resolved(say("C", "0019", "xx01", "US"))
    twice = dataclasses.replace(twice, entries=twice.entries * 2)
    with pytest.raises(DictionaryError, match="a key appears twice"):
        write_dictionary(twice, {})


def test_strings_are_kept_once(say):
    one = [say("C", "0019", "xx01", "US", name="The same name")]
    more = [say("C", "0019", f"xx{n:02x}", "US", name="The same name") for n in range(1, 100)]
    assert write_dictionary(resolved(*more), {}).count(b"The same name") == 1
    growth = len(write_dictionary(resolved(*more), {})) - len(write_dictionary(resolved(*one), {}))
    assert growth == 98 * 44  # an entry's record and nothing else


def test_a_file_is_put_in_place_whole(tmp_path):
    path = tmp_path / "new.adict"
    path.write_bytes(b"old")
    with path.open("rb") as held:
        save(b"new", path)
        assert held.read() == b"old"
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["new.adict"]


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(DictionaryError, match="cannot be written: No such file"):
        save(b"new", tmp_path / "none" / "new.adict")
