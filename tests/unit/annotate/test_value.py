"""Values in the report: what a person wants to read, cut where it is long."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.annotate.value import reported_value
from atlas_node.encoding.vr import KNOWN


@pytest.mark.parametrize(
    ("vr", "value", "shown"),
    [
        ("US", b"\x24\0\x25\0", [36, 37]),
        ("SS", b"\xff\xff", [-1]),
        ("FD", struct.pack("<d", 0.1), [0.1]),
        ("FL", struct.pack("<f", 0.1), [0.1]),
        ("FL", struct.pack("<f", float("nan")), ["nan"]),
        ("AT", b"\x19\x00\x0a\x10", ["(0019,100a)"]),
        ("DS", b"1.50\\ 2\\abc ", [1.5, 2.0, "abc"]),
        ("IS", b"12\\-3 ", [12, -3]),
        ("LO", b" a \\b\0", ["a", "b"]),
        ("LT", b"a\\b ", ["a\\b"]),
        ("PN", b"Doe^Jane", ["Doe^Jane"]),
        ("OB", b"\0\xff", ["00ff"]),
        ("UN", b"\0\xff", ["00ff"]),
        ("SQ", b"\0\xff", None),
        ("LO", b"", None),
    ],
)
def test_values_as_a_person_reads_them(vr: str, value: bytes, shown: list[object] | None) -> None:
    assert reported_value(vr, memoryview(value), ("ascii",)) == (shown, False)


@pytest.mark.parametrize(
    ("vr", "value", "items", "characters"),
    [
        ("US", b"\0\0" * 65, 64, 64 * 1),
        ("OB", b"\0" * 1000, 1, 256),
        ("UT", b"a" * 100_000, 1, 256),
        ("LO", b"a\\" * 100, 64, 64),
        ("DS", b"1\\" * 10_000, 64, 64 * 3),
    ],
)
def test_long_values_are_cut_and_say_so(vr: str, value: bytes, items: int, characters: int) -> None:
    shown, truncated = reported_value(vr, memoryview(value), ("ascii",))
    assert truncated
    assert shown is not None
    assert len(shown) == items
    assert sum(len(str(one)) for one in shown) <= characters


@given(vr=st.sampled_from(sorted(KNOWN)), value=st.binary(max_size=300))
def test_any_bytes_can_be_shown_as_json(vr: str, value: bytes) -> None:
    shown, _ = reported_value(vr, memoryview(value), ("ascii",))
    json.dumps(shown, allow_nan=False)


@given(number=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_single_is_shown_short_and_exact(number: float) -> None:
    shown, _ = reported_value("FL", memoryview(struct.pack("<f", number)), ())
    assert shown is not None
    assert struct.pack("<f", shown[0]) == struct.pack("<f", number)
