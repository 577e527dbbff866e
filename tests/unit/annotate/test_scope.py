"""What is remembered of the network's creators and tags has an end, and is right while it lasts."""

import pytest

from atlas_dictionary import Dictionary
from atlas_node.annotate import Annotator
from atlas_node.annotate import scope as scopes
from atlas_node.annotate.scope import Block, Blocks, Scope
from atlas_node.encoding.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from atlas_node.model import Policy
from tests.streams import element, item, sequence, text


def test_data_sets_that_reserve_the_same_share_what_is_known(dictionary: Dictionary) -> None:
    blocks = Blocks(dictionary)
    block = blocks.reserved_by(b"ATLAS TEST", 0x0019)
    one, other = Scope(blocks.none_reserved), Scope(blocks.none_reserved)
    for scope in (one, other):
        scope.follow(blocks, b"creator", 0x001910, block)
    assert one.reserved is other.reserved
    assert one.reserved.blocks == {0x001910: block}
    assert not blocks.none_reserved.blocks


def test_a_block_of_one_object_is_shared_with_no_other(dictionary: Dictionary) -> None:
    blocks = Blocks(dictionary)
    one, other = Scope(blocks.none_reserved), Scope(blocks.none_reserved)
    one.reserve(0x001910, Block("OWN", None))
    one.follow(blocks, b"creator", 0x001911, blocks.reserved_by(b"ATLAS TEST", 0x0019))
    assert set(one.reserved.blocks) == {0x001910, 0x001911}
    assert not other.reserved.blocks
    assert not blocks.none_reserved.followers


def test_a_block_that_is_reserved_again_is_known_anew(annotator: Annotator) -> None:
    own = sequence(
        0x00080300,
        item(
            element(0x00080301, "US", b"\x19\0"),
            element(0x00080302, "LO", b"OTHER "),
            sequence(
                0x00080310,
                item(element(0x00080308, "US", b"\1\0"), element(0x0008030A, "CS", b"SS")),
            ),
        ),
    )
    one = element(0x00191001, "UN", b"\1\0")
    first, second = element(0x00190010, "LO", b"ATLAS TEST"), element(0x00190010, "LO", b"OTHER ")
    stream = own + first + one + one + second + one + one
    annotation = annotator.annotate(stream, EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE)
    assert [record.vr for record in annotation.elements()] == ["US", "US", "SS", "SS"]


def test_more_than_can_be_remembered_is_forgotten_and_decoded_all_the_same(
    dictionary: Dictionary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scopes, "_MAX_REMEMBERED", 50)
    annotator = Annotator(dictionary)
    for number in range(200):
        stream = (
            element(0x00080100 + 2 * number, "SH", b"A ")
            + element(0x00190010, "LO", text(f"CREATOR {number}"))
            + element(0x00190011, "LO", b"ATLAS TEST")
            + element(0x00191101, "UN", b"\1\0")
        )
        annotation = annotator.annotate(stream, EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE)
        assert annotation.counts["decoded"] == 1
        assert remembered(annotator._blocks) <= 50


def remembered(blocks: Blocks) -> int:
    """Return how many headers and creators are kept, whatever data set they were met in."""
    count, waiting = 0, [blocks.none_reserved, blocks.standard]
    while waiting:
        reserved = waiting.pop()
        count += sum(map(len, (*reserved.explicit, reserved.implicit, reserved.followers)))
        waiting += reserved.followers.values()
    return count


def test_a_data_set_of_many_blocks(annotator: Annotator) -> None:
    creators = b"".join(element(0x00190010 + n, "LO", text(f"CREATOR {n}")) for n in range(200))
    stream = (
        creators + element(0x001900D8, "LO", b"ATLAS TEST") + element(0x0019D801, "UN", b"\1\0")
    )
    annotation = annotator.annotate(stream, EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE)
    assert annotation.counts["decoded"] == 1
    assert len(annotation.identity.private_creators) == 201
