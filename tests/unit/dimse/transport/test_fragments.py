import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.dimse.transport.fragments import Fragments, ProtocolError
from atlas_node.dimse.transport.sending import COMMAND

values = st.lists(
    st.tuples(st.integers(1, 255), st.integers(0, 255), st.binary(max_size=30)),
    min_size=1, max_size=6,
)  # fmt: skip


def pdv(context_id: int, flags: int, data: bytes) -> bytes:
    return struct.pack(">IBB", len(data) + 2, context_id, flags) + data


def feed(body: bytes, cuts: list[int]) -> list[tuple[int, int, bytes, bool]]:
    """Feed a PDU cut at these offsets."""
    fragments = Fragments()
    fragments.begin(len(body))
    parts = []
    for begin, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        found = fragments.feed(memoryview(body)[begin:end])
        parts += [(cx, command, bytes(data), last) for cx, command, data, last in found]
    return parts


def joined(parts: list[tuple[int, int, bytes, bool]]) -> list[tuple[int, int, bytes]]:
    """Put the parts of each command or data set together; the last one may have no end."""
    messages, data = [], b""
    for context_id, command, part, last in parts:
        data += part
        if last:
            messages.append((context_id, command, data))
            data = b""
    return [*messages, (0, 0, data)]


@given(values, st.data())
def test_however_a_pdu_is_cut_its_values_are_the_same(values, data):
    body = b"".join(pdv(*value) for value in values)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    assert joined(feed(body, cuts)) == joined(
        [(cx, flags & COMMAND, value, bool(flags & 2)) for cx, flags, value in values]
    )


@given(st.binary(max_size=120), st.integers(0, 130), st.data())
def test_any_bytes_are_values_or_one_error(body, announced, data):
    fragments = Fragments()
    taken = 0
    try:
        fragments.begin(announced)
        cut = data.draw(st.integers(0, min(announced, len(body))))
        for piece in body[:cut], body[cut:announced]:
            for _, _, part, _ in fragments.feed(memoryview(piece)):
                taken += len(part)
    except ProtocolError:
        return
    assert taken <= max(0, announced - 6)


def test_command_and_data_set_in_one_pdu():
    body = pdv(1, 3, b"command") + pdv(1, 0, b"da") + pdv(1, 2, b"ta")
    assert feed(body, []) == [
        (1, COMMAND, b"command", True),
        (1, 0, b"da", False),
        (1, 0, b"ta", True),
    ]


def test_a_value_without_a_byte_ends_a_data_set():
    assert feed(pdv(1, 2, b""), [])[-1] == (1, 0, b"", True)
    assert feed(pdv(1, 2, b""), [3])[-1] == (1, 0, b"", True)


def test_data_are_views_not_copies():
    received = bytearray(pdv(1, 0, b"abcd"))
    fragments = Fragments()
    fragments.begin(len(received))
    [(_, _, part, _)] = fragments.feed(memoryview(received))
    received[-1] = ord("!")
    assert bytes(part) == b"abc!"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "a P-DATA-TF PDU of 0 bytes"),
        (bytes(5), "a P-DATA-TF PDU of 5 bytes"),
        (struct.pack(">IBB", 0, 1, 0), "a presentation data value of 0 bytes"),
        (struct.pack(">IBB", 1, 1, 0), "a presentation data value of 1 bytes"),
        (struct.pack(">IBB", 3, 1, 0), "of 3 bytes where a P-DATA-TF PDU has 2 left"),
        (struct.pack(">IBB", 0xFFFFFFFF, 1, 0) + bytes(9), "of 4294967295 bytes where"),
        (pdv(1, 0, b"ab") + b"x", "of 4 bytes where a P-DATA-TF PDU has 5 left"),
        (pdv(1, 0, b"ab") + bytes(6), "of 0 bytes where a P-DATA-TF PDU has 2 left"),
    ],
)
def test_a_length_that_cannot_be_is_refused(body, message):
    with pytest.raises(ProtocolError, match=message):
        feed(body, [])
