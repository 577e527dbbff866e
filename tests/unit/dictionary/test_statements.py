from __future__ import annotations

import pytest

from atlas_dictionary import DictionaryError
from atlas_dictionary.statements import parse_vm, parse_vr


@pytest.mark.parametrize(
    ("written", "vrs"),
    [
        ("US", ("US",)),
        ("us", ("US",)),
        ("US or SS", ("US", "SS")),
        ("US or SS or OW", ("US", "SS", "OW")),
        ("OB_OW", ("OB", "OW")),
        ("OB/OW", ("OB", "OW")),
        ("UN", ()),
        ("?", ()),
        ("NONE", ()),
        ("", ()),
    ],
)
def test_vr_as_sources_write_it(written, vrs):
    assert parse_vr(written) == vrs


@pytest.mark.parametrize("written", ["XX", "U", "US SS XX", "[red]"])
def test_refuses_what_is_no_vr(written):
    with pytest.raises(DictionaryError, match="no VR"):
        parse_vr(written)


@pytest.mark.parametrize("vm", ["1", "1-n", "2-2n", "1-32", "47-47n", ""])
def test_vm_of_ps36(vm):
    assert parse_vm(vm.upper()) == vm


@pytest.mark.parametrize(
    ("written", "vm"), [("3or4", "3-4"), ("1 - n", "1-n"), ("0-n", "1-n"), (" 2 ", "2")]
)
def test_vm_as_sources_write_it(written, vm):
    assert parse_vm(written) == vm


@pytest.mark.parametrize("vm", ["n", "1-", "one", "1 - 2 - 3", "1 2", "1eenote3", "0"])
def test_refuses_what_is_no_vm(vm):
    with pytest.raises(DictionaryError, match="VM"):
        parse_vm(vm)
