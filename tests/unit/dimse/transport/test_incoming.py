import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.dimse.transport.command_set import encode_command_set, string, us
from atlas_node.dimse.transport.incoming import Incoming, Pdu, PduError, ResponseParts

RESPONSE = {0x0100: us(0x8001), 0x0120: us(7), 0x0800: us(0x0101), 0x0900: us(0xA900)}
COMMENT = {0x0902: b"not my patient"}


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


def value(fragment: bytes, flags: int = 3, context_id: int = 1) -> bytes:
    return struct.pack(">IBB", len(fragment) + 2, context_id, flags) + fragment


def parts() -> ResponseParts:
    return ResponseParts(1, 0x8001, 7)


@given(st.lists(st.integers(1, 40), max_size=12))
def test_pdus_are_the_same_however_the_stream_is_cut(cuts):
    bodies = [b"", b"abcd", b"x" * 70]
    stream = b"".join(pdu(4, body) for body in bodies)
    incoming, found = Incoming(100), []
    for cut in [*cuts, len(stream)]:
        incoming.feed(stream[:cut])
        stream = stream[cut:]
        while (it := incoming.next_pdu()) is not None:
            found.append(it)
    assert found == [Pdu(4, body) for body in bodies]


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_pdu_or_one_error(stream):
    incoming = Incoming(64)
    incoming.feed(stream)
    try:
        while incoming.next_pdu() is not None:
            pass
    except PduError:
        pass


@pytest.mark.parametrize(
    ("header", "reason", "message"),
    [
        (pdu(0x99, b""), 1, "PDU of type 0x99"),
        (pdu(0x02, b""), 2, "out of turn"),
        (struct.pack(">BxI", 4, 65), 6, "a PDU of 65 bytes, at most 64"),
        (struct.pack(">BxI", 4, 2**32 - 1), 6, "at most 64"),
        (struct.pack(">BxI", 7, 5), 6, "a PDU of 5 bytes, at most 4"),
    ],
)
def test_a_header_that_cannot_be_is_refused_before_its_body_comes(header, reason, message):
    incoming = Incoming(64)
    incoming.feed(header)
    with pytest.raises(PduError, match=message) as raised:
        incoming.next_pdu()
    assert raised.value.reason == reason


ALIKE = pdu(4, value(b"command", 3))
"""A command set of which `next_alike` knows that a data set follows."""


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(1, 30), max_size=20))
def test_messages_that_are_alike_are_taken_whole_however_the_stream_is_cut(data_sets, cuts):
    stream = b"".join(ALIKE + pdu(4, value(it, 2)) for it in data_sets)
    incoming, found = Incoming(100), []
    for cut in [*cuts, len(stream)]:
        incoming.feed(stream[:cut])
        stream = stream[cut:]
        while (data_set := incoming.next_alike(ALIKE)) is not None:
            found.append(data_set)
    assert found == data_sets
    assert not incoming


@pytest.mark.parametrize(
    "stream",
    [
        pdu(4, value(b"commune", 3)) + pdu(4, value(b"data", 2)),
        ALIKE + pdu(4, value(b"data", 2, context_id=3)),
        ALIKE + pdu(4, value(b"first part", 0)),
        ALIKE + pdu(4, value(b"a command", 3)),
        ALIKE + pdu(4, value(b"da", 0) + value(b"ta", 2)),
        ALIKE + pdu(4, value(b"a data set that is too long for a PDU" * 2, 2)),
        ALIKE + pdu(4, b"\0\0\0\1\1\2"),
        ALIKE + pdu(4, b"\0\0\0\0"),
        ALIKE + pdu(5, value(b"data", 2)),
        ALIKE + pdu(7, b"\0\0\0\0"),
        ALIKE + pdu(4, value(b"data", 2))[:-1],
        ALIKE + b"\x04\0",
        ALIKE[:-1],
        b"",
    ],
)
def test_a_message_that_is_not_alike_stays_as_it_is(stream):
    incoming, untouched = Incoming(64), Incoming(64)
    incoming.feed(stream)
    untouched.feed(stream)
    assert incoming.next_alike(ALIKE) is None
    assert outcome(incoming) == outcome(untouched)


def outcome(incoming: Incoming) -> list[object]:
    found: list[object] = []
    try:
        while (it := incoming.next_pdu()) is not None:
            found.append(it)
    except PduError as error:
        found.append(str(error))
    return found


@given(st.lists(st.integers(0, 30), max_size=6), st.lists(st.booleans(), max_size=8))
def test_a_response_is_the_same_however_it_is_cut(cuts, ends):
    encoded = encode_command_set(RESPONSE | COMMENT)
    values = []
    for cut in [*cuts, len(encoded)]:
        fragment, encoded = encoded[:cut], encoded[cut:]
        values.append(value(fragment, 1 if encoded or cut == 0 else 3))
        if not encoded and cut:
            break
    if not values[-1][5] & 2:
        values.append(value(b"", 3))
    together, bodies = b"", []
    for it, end in zip(values, [*ends, *[True] * len(values)], strict=False):
        together += it
        if end:
            bodies.append(together)
            together = b""
    message = parts()
    *before, last = [message.add(body) for body in [*bodies, *([together] if together else [])]]
    assert before == [None] * len(before)
    assert last == RESPONSE | COMMENT
    assert string(last, 0x0902) == "not my patient"


@given(st.binary(max_size=80))
def test_whatever_a_value_holds_is_a_response_or_one_error(body):
    message = parts()
    for it in (body, value(body), value(body, 1)):
        try:
            message.add(it)
        except PduError:
            message = parts()


def changed(**elements: bytes | None) -> bytes:
    merged = RESPONSE | {int(name[1:], 16): it for name, it in elements.items()}
    return encode_command_set({name: it for name, it in merged.items() if it is not None})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (value(changed(), context_id=3), "in presentation context 3, asked in 1"),
        (value(changed(x0120=us(8))), "to message 8, expected"),
        (value(changed(x0100=us(0x8030))), "another message: 0x8030"),
        (value(changed(x0120=None)), "another message"),
        (value(changed(x0900=None)), "another message"),
        (value(changed(x0800=us(0x0000))), "with a data set"),
        (value(b"a data set", 2), "with a data set"),
        (value(changed()) * 2, "answered twice"),
        (value(changed()) + value(b"a data set", 2), "answered twice, or with a data set"),
        (value(b"\0\0\0\0\xff\0\0\0"), "another message"),
        (value(changed())[:-1], "presentation data value of"),
        (value(changed()) + b"\0\0", "presentation data value of"),
        (b"\0\0", "a P-DATA-TF PDU of 2 bytes"),
        (struct.pack(">IBB", 1, 1, 3), "presentation data value of 1 bytes"),
        (struct.pack(">IBB", 2**32 - 1, 1, 3), "presentation data value of 4294967295 bytes"),
    ],
)
def test_what_is_no_response_to_the_request_is_refused(body, message):
    with pytest.raises(PduError, match=message):
        parts().add(body)


def test_a_command_set_without_an_end_is_not_kept():
    message = parts()
    with pytest.raises(PduError, match="without an end"):
        for _ in range(100):
            message.add(value(bytes(1024), 1))
