"""Whether the VM of an entry is good enough to refuse a value for it."""

from __future__ import annotations

import pytest

from atlas_dictionary import Entry, Flags, Source
from atlas_dictionary.entry import NO_FLAGS
from atlas_dictionary.keys import private_key


def entry(vm: str, *sources: str, flags: Flags = NO_FLAGS) -> Entry:
    return Entry(
        key=private_key("SOMEBODY", 0x0019, 0x01),
        vr="DS",
        vm=vm,
        keyword="",
        name="",
        description="",
        candidates=(),
        sources=tuple(Source(it, "", "DS") for it in sources),
        confidence=0.9,
        flags=flags,
    )


@pytest.mark.parametrize(
    ("vm", "sources", "flags", "sure"),
    [
        ("1", ("gdcm", "pydicom"), NO_FLAGS, True),
        ("3", ("gdcm", "pydicom"), NO_FLAGS, False),
        ("3", ("gdcm", "observed"), Flags.OBSERVED, True),
        ("3", ("site",), NO_FLAGS, True),
        ("3", ("conformance",), NO_FLAGS, True),
    ],
)
def test_a_vm_above_one_needs_more_than_published_dictionaries(vm, sources, flags, sure):
    assert entry(vm, *sources, flags=flags).vm_sure is sure
