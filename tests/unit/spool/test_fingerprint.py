from hypothesis import given
from hypothesis import strategies as st

from atlas_node.spool import fingerprint

LONG = bytes(range(256)) * 80  # five rows
OF_LONG = 135_876_910_336_354_477
OF_MANY = 7_462_450_068_872_370_613  # more rows than are read at once


@given(st.binary(max_size=64))
def test_the_same_bytes_are_the_same(data):
    assert fingerprint(data) == fingerprint(memoryview(bytearray(data)))
    assert 0 <= fingerprint(data) < 2**63


@given(st.integers(0, len(LONG) - 1), st.integers(1, 255))
def test_one_byte_more_or_other_is_another(position, change):
    other = bytearray(LONG)
    other[position] ^= change
    assert fingerprint(other) != fingerprint(LONG)
    assert fingerprint(LONG[:position]) != fingerprint(LONG)
    assert fingerprint(LONG[:position] + b"\0" + LONG[position:]) != fingerprint(LONG)


@given(st.permutations(range(5)))
def test_the_same_blocks_in_another_order_are_another(order):
    blocks = [bytes([number]) * 4096 for number in range(5)]
    moved = b"".join(blocks[it] for it in order)
    assert (fingerprint(moved) == fingerprint(b"".join(blocks))) is (list(order) == list(range(5)))


def test_it_is_the_number_that_earlier_logs_hold():
    assert fingerprint(LONG) == OF_LONG
    assert fingerprint(LONG * 205 + b"tail") == OF_MANY
