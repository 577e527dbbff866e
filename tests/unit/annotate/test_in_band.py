"""Definitions in the object outrank the dictionary, for that object and no other."""

import struct

import pytest

from atlas_node.annotate import Annotator
from atlas_node.encoding.transfer_syntax import IMPLICIT_VR_LITTLE_ENDIAN
from atlas_node.model import Policy
from tests.streams import element, implicit, item, open_item, open_sequence, sequence, text
from tests.unit.annotate.test_engine import CREATOR, annotate, un


def definition(offset: int, vr: str, vm: tuple[int, ...] = (1,), name: str = "Own Name") -> bytes:
    return item(
        element(0x00080308, "US", struct.pack("<H", offset)),
        element(0x00080309, "UL", struct.pack(f"<{len(vm)}I", *vm)),
        element(0x0008030A, "CS", vr.encode()),
        element(0x0008030C, "UC", text(name)),
    )


def definitions(*items: bytes, group: int = 0x0019, creator: str = "ATLAS TEST") -> bytes:
    return sequence(
        0x00080300,
        item(
            element(0x00080301, "US", struct.pack("<H", group)),
            element(0x00080302, "LO", text(creator)),
            element(0x00080303, "CS", b"SAFE"),
            sequence(0x00080310, *items),
        ),
    )


def test_an_element_that_no_dictionary_has(annotator: Annotator) -> None:
    own = definitions(definition(0x99, "UL", (2,)))
    out, annotation = annotate(annotator, own, CREATOR, un(0x00191099, bytes(8)))
    assert out == own + CREATOR + element(0x00191099, "UL", bytes(8))
    (record,) = annotation.elements()
    assert (record.name, record.vm, record.sources) == ("Own Name", "2", ("in-band",))


def test_it_outranks_the_dictionary(annotator: Annotator) -> None:
    own = definitions(definition(0x01, "SS"))
    out, _ = annotate(annotator, own, CREATOR, un(0x00191001, b"\x24\0"))
    assert out.endswith(element(0x00191001, "SS", b"\x24\0"))


def test_the_rest_of_the_block_is_the_dictionarys(annotator: Annotator) -> None:
    own = definitions(definition(0x99, "UL"))
    out, _ = annotate(annotator, own, CREATOR, un(0x00191001, b"\x24\0"))
    assert out.endswith(element(0x00191001, "US", b"\x24\0"))


def test_it_holds_for_that_object_alone(annotator: Annotator) -> None:
    annotate(annotator, definitions(definition(0x01, "SS")), CREATOR, un(0x00191001, b"\x24\0"))
    out, _ = annotate(annotator, CREATOR, un(0x00191001, b"\x24\0"))
    assert out.endswith(element(0x00191001, "US", b"\x24\0"))


def test_it_is_verified_too(annotator: Annotator) -> None:
    own = definitions(definition(0x99, "FD"))
    stream = own + CREATOR + un(0x00191099, b"\0\0")
    out, annotation = annotate(annotator, stream)
    assert out == stream
    assert annotation.elements()[0].status == "refused"


@pytest.mark.parametrize(
    ("vm", "text_"), [((1,), "1"), ((1, 0), "1-n"), ((1, 3), "1-3"), ((3, 0, 3), "3-3n")]
)
def test_multiplicities(annotator: Annotator, vm: tuple[int, ...], text_: str) -> None:
    own = definitions(definition(0x99, "US", vm))
    _, annotation = annotate(annotator, own, CREATOR, un(0x00191099, b""))
    assert annotation.elements()[0].vm == text_


@pytest.mark.parametrize(
    "own",
    [
        definitions(definition(0x99, "XX")),
        definitions(definition(0x99, "UN")),
        definitions(definition(0x99, "US"), creator="OTHER"),
        definitions(definition(0x99, "US"), group=0x0021),
        sequence(0x00080300, item(sequence(0x00080310, definition(0x99, "US")))),
        sequence(0x00080300, item()),
        element(0x00080310, "SQ", definition(0x99, "US")),
    ],
)
def test_what_says_nothing_of_the_element_changes_nothing(annotator: Annotator, own: bytes) -> None:
    stream = own + CREATOR + un(0x00191099, b"\0\0")
    assert annotate(annotator, stream)[0] == stream


def test_in_implicit_vr_and_with_undefined_lengths(annotator: Annotator) -> None:
    inner = open_item(
        implicit(0x00080308, b"\x99\0"),
        implicit(0x00080309, struct.pack("<I", 1)),
        implicit(0x0008030A, b"US"),
    )
    nested = open_sequence(0x00080310, inner)[12:]
    outer = open_item(
        implicit(0x00080301, b"\x19\0"),
        implicit(0x00080302, b"ATLAS TEST"),
        implicit(0x00080310, nested, 0xFFFFFFFF),
    )
    stream = implicit(0x00080300, open_sequence(0, outer)[12:], 0xFFFFFFFF)
    stream += implicit(0x00190010, b"ATLAS TEST") + implicit(0x00191099, b"\x24\0")
    annotation = annotator.annotate(stream, IMPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE)
    assert annotation.elements()[0].value == [36]


def test_what_describe_writes_is_read_back(annotator: Annotator) -> None:
    out, _ = annotate(annotator, CREATOR, un(0x00191001, b"\x24\0"), policy=Policy.DESCRIBE)
    unknown_again = out.replace(element(0x00191001, "US", b"\x24\0"), un(0x00191001, b"\x24\0"))
    _, annotation = annotate(annotator, unknown_again)
    assert annotation.elements()[0].sources == ("in-band",)
