"""What is seen at a glance to fit a VR fits it on the closest look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.annotate.charset import DEFAULT_REPERTOIRE, encodings_of
from atlas_node.annotate.glance import any_value, glance
from atlas_node.annotate.verify import Multiplicity, misfit, multiplicity
from atlas_node.encoding.header import explicit_header
from atlas_node.encoding.vr import KNOWN, LONG_FORM, MAX_SHORT_LENGTH, UNDEFINED_LENGTH
from tests.unit.annotate.test_verify import FITTING, MISFITTING

ALL_VRS = sorted(KNOWN - {"SQ", "UN"})
VMS = ["", "1", "2", "3", "1-2", "1-3", "1-n", "2-n", "2-2n", "3-3n", "0", "0-n", "3-2", "2-999"]
VALUES = [v for values in (*FITTING.values(), *MISFITTING.values()) for v in values]
TEXTS = st.text("0123456789.+-eE ABCDW_\\^=\x00\x1b\n\x7f\xe4", max_size=40).map(
    lambda t: t.encode("latin-1")
)
PARTS = st.lists(
    st.sampled_from([v for values in FITTING.values() for v in values if len(v) < 80]), max_size=6
).map(b"\\".join)


def seen(vr: str, vm: str, value: bytes) -> bytes | None:
    """Return the header that a glance gives `value`, without its tag; None when it is not sure."""
    looking = glance(vr, multiplicity(vm))
    if looking is None:
        return None
    header = looking.headers[len(value)]
    if looking.match is not None and not looking.match(b"#" + value + b"#", 1, 1 + len(value)):
        return None
    return header


@given(
    vr=st.sampled_from(ALL_VRS),
    vm=st.sampled_from(VMS),
    value=st.one_of(TEXTS, PARTS, st.sampled_from(VALUES), st.binary(max_size=80)),
    padding=st.sampled_from([b" ", b"\0", b"\0\0", b"  \0"]),
    charset=st.sampled_from([b"", b"ISO_IR 100", b"ISO 2022 IR 6\\ISO 2022 IR 87", b"NO SUCH SET"]),
)
def test_what_is_sure_at_a_glance_fits_on_a_closer_look(
    vr: str, vm: str, value: bytes, padding: bytes, charset: bytes
) -> None:
    value += padding if len(value) % 2 else b""
    header = seen(vr, vm, value)
    if header is None:
        return
    encodings = encodings_of(charset) if charset else DEFAULT_REPERTOIRE
    assert misfit(vr, memoryview(value), multiplicity(vm), encodings) == ""
    assert header == explicit_header(0, 0, vr, len(value))[4:]


@pytest.mark.parametrize("vr", ALL_VRS)
def test_ordinary_values_are_sure_at_a_glance(vr: str) -> None:
    assert any(seen(vr, "1-n", value + b" " * (len(value) % 2)) for value in FITTING[vr])


@pytest.mark.parametrize(
    ("vr", "vm", "value"),
    [
        ("IS", "1", b"7 "), ("IS", "3", b"0\\0\\-40 "), ("DS", "2", b"1.5\\2 "),
        ("DS", "2-2n", b"1\\2\\3\\4 "),
        ("CS", "1-n", b"ORIGINAL\\PRIMARY"), ("LO", "1", b"odd\0"), ("UI", "1", b"1.2.840\0"),
        ("PN", "1", b"Doe^Jane"), ("UT", "1", b"a" * 70000), ("ST", "1", b"one\r\ntwo"),
        ("OB", "1", bytes(100_000)), ("FD", "3", bytes(24)), ("US", "1-n", bytes(2000)),
        ("LO", "3", b""), ("SH", "1-3", b"a\\b "),
    ],
)  # fmt: skip
def test_these_are(vr: str, vm: str, value: bytes) -> None:
    assert seen(vr, vm, value) is not None


@pytest.mark.parametrize(
    ("vr", "vm", "value"),
    [
        ("IS", "1", b"1\\2 "), ("IS", "3", b"1\\2 "), ("DS", "2-2n", b"1\\2\\3 "),
        ("FD", "3", bytes(8)), ("US", "1", bytes(4)), ("LO", "1", b"odd"), ("SH", "1", b"a" * 18),
        ("IS", "1", b"9999999999"),
        ("LO", "1", b"\xe4\xf6"), ("LO", "1", b"\x1b(B!"), ("US", "1-n", bytes(65536)),
    ],
)  # fmt: skip
def test_these_are_left_to_a_closer_look(vr: str, vm: str, value: bytes) -> None:
    assert seen(vr, vm, value) is None


@pytest.mark.parametrize("vr", sorted(KNOWN))
def test_the_headers_of_standard_elements(vr: str) -> None:
    headers = any_value(vr)
    assert headers[8] == explicit_header(0, 0, vr, 8)[4:]
    assert headers[UNDEFINED_LENGTH] is None
    assert headers.long is (vr.encode() in LONG_FORM)
    assert (headers[MAX_SHORT_LENGTH + 2] is None) is (vr.encode() not in LONG_FORM)


def test_headers_of_long_values_are_not_kept() -> None:
    headers = any_value("LT")
    assert headers[2000] is not None
    assert 2000 not in headers
    assert max(headers) < 2000


def test_a_multiplicity_is_read_once_for_a_vr() -> None:
    assert glance("DS", Multiplicity(3, 3, 1)) is glance("DS", multiplicity("3"))
