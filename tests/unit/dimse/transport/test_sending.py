import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.dimse.transport.sending import SHORTEST_PDU, p_data, unsent

COMMAND = b"a command set "


def sent(batches):
    """The PDUs in what is sent: for each, its context, message control header and fragment."""
    stream = b"".join(b"".join(batch) for batch in batches)
    position, values = 0, []
    while position < len(stream):
        kind, pdu, pdv, context_id, flags = struct.unpack_from(">BxIIBB", stream, position)
        assert (kind, pdu) == (4, pdv + 4)
        fragment = stream[position + 12 : position + 6 + pdu]
        assert len(fragment) == pdv - 2
        values.append((context_id, flags, fragment, pdu))
        position += 6 + pdu
    return values


@given(
    st.lists(st.binary(max_size=60).map(memoryview), max_size=80),
    st.integers(SHORTEST_PDU, 90) | st.just(0),
)
def test_the_message_is_there_again_and_every_pdu_fits(pieces, longest):
    values = sent(p_data(5, COMMAND, pieces, longest))
    command = [it for it in values if it[1] & 1]
    data = [it for it in values if not it[1] & 1]
    assert values == command + data
    assert b"".join(it[2] for it in command) == COMMAND
    assert b"".join(it[2] for it in data) == b"".join(pieces)
    for part in (command, data):
        assert [it[1] & 2 for it in part] == [0] * (len(part) - 1) + [2]
        assert all(len(it[2]) % 2 == 0 for it in part[:-1])
    assert {it[0] for it in values} == {5}
    assert not longest or all(it[3] <= longest for it in values)


def test_a_message_without_a_data_set_is_its_command_set():
    assert sent(p_data(1, COMMAND, None, 0)) == [(1, 3, COMMAND, len(COMMAND) + 6)]


def test_an_empty_data_set_is_sent_as_an_empty_last_fragment():
    assert sent(p_data(1, COMMAND, [], 0))[1:] == [(1, 2, b"", 6)]


def test_long_pieces_are_sent_from_where_they_lie():
    piece = bytes(1_000_000)
    [batch] = p_data(1, COMMAND, [piece], 131072)
    views = [it for it in batch if isinstance(it, memoryview) and it.obj is piece]
    assert sum(map(len, views)) == len(piece)


@pytest.mark.parametrize("pieces", [[b"ab"] * 20_000, [bytes(3_000_000)], [bytes(20_000_000)]])
@pytest.mark.parametrize("longest", [100, 16384, 0])
def test_what_is_sent_together_is_no_more_than_a_system_call_takes(pieces, longest):
    batches = list(p_data(1, COMMAND, pieces, longest))
    assert all(0 < len(batch) <= 1024 for batch in batches)
    assert all(sum(map(len, batch)) < 5_000_000 for batch in batches)
    assert sum(len(it[2]) for it in sent(batches)[1:]) == sum(map(len, pieces))


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(0, 81))
def test_what_is_left_after_a_part_was_sent(buffers, count):
    whole = b"".join(buffers)
    count = min(count, len(whole))
    assert b"".join(unsent(list(buffers), count)) == whole[count:]
