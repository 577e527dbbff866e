import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from atlas_node.dimse.transport import command_set
from atlas_node.dimse.transport.command_set import (
    AFFECTED_SOP_CLASS_UID,
    AFFECTED_SOP_INSTANCE_UID,
    C_STORE_RQ,
    COMMAND_FIELD,
    DATA_SET_TYPE,
    MESSAGE_ID,
    PRIORITY,
    CommandSetError,
    decode_command_set,
    encode_command_set,
    number,
    string,
    text,
    uid,
    us,
)

C_STORE_REQUEST = {
    AFFECTED_SOP_CLASS_UID: uid("1.2.840.10008.5.1.4.1.1.2"),
    COMMAND_FIELD: us(C_STORE_RQ),
    MESSAGE_ID: us(7),
    PRIORITY: us(0),
    DATA_SET_TYPE: us(command_set.A_DATA_SET),
    AFFECTED_SOP_INSTANCE_UID: uid("1.2.3"),
}

even = st.binary(max_size=40).map(lambda value: value + b"\0" * (len(value) % 2))
command_sets = st.dictionaries(st.integers(1, 0xFFFF), even, max_size=12)


def element(number: int, value: bytes, group: int = 0, length: int | None = None) -> bytes:
    return struct.pack("<HHI", group, number, len(value) if length is None else length) + value


@given(command_sets)
def test_what_is_encoded_is_decoded_again(elements):
    assert decode_command_set(encode_command_set(elements)) == elements


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_set_or_one_error(encoded):
    try:
        elements = decode_command_set(encoded)
    except CommandSetError:
        return
    assert list(elements) == sorted(elements)
    assert sum(8 + len(value) for value in elements.values()) <= len(encoded)


@given(command_sets, st.data())
def test_a_command_set_cut_short_is_never_taken_for_a_longer_one(elements, data):
    encoded = encode_command_set(elements)
    cut = data.draw(st.integers(0, len(encoded)))
    try:
        found = decode_command_set(encoded[:cut])
    except CommandSetError:
        return
    assert found.items() <= elements.items()


def test_it_is_encoded_as_pydicom_encodes_it():
    ds = Dataset()
    ds.CommandGroupLength = 0
    ds.AffectedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.CommandField = 1
    ds.MessageID = 7
    ds.Priority = 0
    ds.CommandDataSetType = 0
    ds.AffectedSOPInstanceUID = "1.2.3"
    ds.CommandGroupLength = len(encode(ds, True, True)) - 12
    assert encode_command_set(C_STORE_REQUEST) == encode(ds, True, True)


def test_pydicom_decodes_it():
    from io import BytesIO

    ds = decode(BytesIO(encode_command_set(C_STORE_REQUEST)), True, True)
    assert (ds.MessageID, ds.AffectedSOPInstanceUID, ds.CommandField) == (7, "1.2.3", 1)


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (b"\0\0\0", "ends within a header at offset 0"),
        (element(0x0100, b"\1\0") + b"\0\0", "ends within a header at offset 10"),
        (element(0x0100, b"\1\0", length=4), r"\(0000,0100\) has 4 bytes, but 2 are left"),
        (element(0x0100, b"\1\0", group=8), r"has \(0008,0100\) at offset 0"),
        (element(0x0110, b"\1\0") + element(0x0100, b"\1\0"), "in ascending order"),
        (element(0x0100, b"\1\0") * 2, "in ascending order"),
    ],
)
def test_what_is_no_command_set_is_said(encoded, message):
    with pytest.raises(CommandSetError, match=message):
        decode_command_set(encoded)


def test_values_are_read_as_what_they_are():
    elements = {MESSAGE_ID: b"\x01\x02", AFFECTED_SOP_INSTANCE_UID: b"1.2.3\0", 0x0902: b"no \xff"}
    assert number(elements, MESSAGE_ID) == 0x0201
    assert string(elements, AFFECTED_SOP_INSTANCE_UID) == "1.2.3"
    assert string(elements, 0x0902) == "no \ufffd"
    assert string(elements, AFFECTED_SOP_CLASS_UID) == ""


@pytest.mark.parametrize("value", [b"", b"\1", b"\1\0\0\0"])
def test_a_number_of_another_length_is_none(value):
    with pytest.raises(CommandSetError, match=rf"\(0000,0110\) has {len(value)} bytes, expected 2"):
        number({MESSAGE_ID: value}, MESSAGE_ID)


@pytest.mark.parametrize(
    ("encode_", "value", "encoded"),
    [
        (uid, "1.2", b"1.2\0"),
        (uid, "1.22", b"1.22"),
        (text, "abc", b"abc "),
        (text, "caf\xe9", b"caf?"),
        (us, 0xA700, b"\x00\xa7"),
    ],
)
def test_values_are_padded_to_even_length(encode_, value, encoded):
    assert encode_(value) == encoded
