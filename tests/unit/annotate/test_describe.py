"""The policy `describe`: definitions in the object itself, read back by pydicom."""

import struct
from io import BytesIO

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from atlas_node.annotate import Annotator
from atlas_node.encoding.transfer_syntax import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from atlas_node.model import Policy
from tests.streams import element, implicit, item, open_item, open_sequence, sequence
from tests.unit.annotate.test_engine import CREATOR, MODALITY, PIXELS, annotate, un
from tests.unit.annotate.test_in_band import definition, definitions

UNKNOWN = CREATOR + un(0x00191001, b"\x24\0") + un(0x00191002, b"1.5 ") + un(0x00191005, b"")
STATION = element(0x00081010, "SH", b"STATION ")
SERIES = element(0x0020000E, "UI", b"1.2.3\0")


def described(annotator: Annotator, *stream: bytes) -> tuple[bytes, pydicom.Dataset]:
    out, annotation = annotate(annotator, *stream, policy=Policy.DESCRIBE)
    assert annotation.error is None
    ds = pydicom.dcmread(BytesIO(out), force=True)
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return out, ds


def test_definitions_say_what_was_decoded(annotator: Annotator) -> None:
    _, ds = described(annotator, MODALITY, STATION, UNKNOWN, SERIES, PIXELS)
    (block,) = ds.PrivateDataElementCharacteristicsSequence
    assert block.PrivateGroupReference == 0x0019
    assert block.PrivateCreatorReference == "ATLAS TEST"
    assert block.BlockIdentifyingInformationStatus == "UNSAFE"
    one, decimals, nested = block.PrivateDataElementDefinitionSequence
    assert one.PrivateDataElement == 0x01
    assert one.PrivateDataElementValueRepresentation == "US"
    assert one.PrivateDataElementValueMultiplicity == 1
    assert one.PrivateDataElementName == "One Number"
    assert decimals.PrivateDataElementValueMultiplicity == [1, 0]
    assert nested.PrivateDataElementValueRepresentation == "SQ"
    assert nested.PrivateDataElementNumberOfItems == [0, 0]


def test_an_element_without_a_name_gets_one_that_is_its_own(annotator: Annotator) -> None:
    own = definitions(definition(0x99, "UL", name=""), definition(0x9A, "US", name=""))
    _, ds = described(annotator, own, CREATOR, un(0x00191099, bytes(4)), un(0x0019109A, bytes(2)))
    written = ds.PrivateDataElementCharacteristicsSequence[-1].PrivateDataElementDefinitionSequence
    assert [one.PrivateDataElementName for one in written] == [
        "Unnamed (0019,xx99)", "Unnamed (0019,xx9a)",
    ]  # fmt: skip
    assert [one.PrivateDataElementKeyword for one in written] == [
        "Unnamed0019xx99",
        "Unnamed0019xx9A",
    ]


def test_the_node_names_itself_as_modifying_equipment(annotator: Annotator) -> None:
    _, ds = described(annotator, MODALITY, UNKNOWN)
    (item_,) = ds.ContributingEquipmentSequence
    assert item_.PurposeOfReferenceCodeSequence[0].CodeValue == "109103"
    assert item_.Manufacturer == "Atlas Node"


@pytest.mark.parametrize("before", [(), (MODALITY,), (MODALITY, STATION)])
@pytest.mark.parametrize("after", [(), (SERIES,), (SERIES, PIXELS), (PIXELS,)])
def test_elements_stay_in_rising_order(
    annotator: Annotator, before: tuple[bytes, ...], after: tuple[bytes, ...]
) -> None:
    _, ds = described(annotator, *before, UNKNOWN, *after)
    tags = list(ds.keys())
    assert tags == sorted(tags)
    assert 0x00080300 in ds
    assert 0x0018A001 in ds


def test_every_other_byte_stays(annotator: Annotator) -> None:
    stream = (MODALITY, STATION, UNKNOWN, SERIES, PIXELS)
    decoded, _ = annotate(annotator, *stream)
    out, ds = described(annotator, *stream)
    for tag in (0x0018A001, 0x00080300):
        del ds[tag]
    raw = BytesIO()
    pydicom.dcmwrite(raw, ds, implicit_vr=False, little_endian=True, enforce_file_format=False)
    assert raw.getvalue().endswith(decoded)
    assert len(out) > len(decoded)


def test_it_is_done_once(annotator: Annotator) -> None:
    once, _ = described(annotator, MODALITY, UNKNOWN, PIXELS)
    again, annotation = annotate(annotator, once, policy=Policy.DESCRIBE)
    assert again == once
    assert not annotation.changed


@pytest.mark.parametrize("make", [sequence, open_sequence])
@pytest.mark.parametrize("wrap", [item, open_item])
def test_what_is_there_already_stays(annotator: Annotator, make, wrap) -> None:
    other = make(0x0018A001, wrap(element(0x00080070, "LO", b"OTHER "), UNKNOWN))
    _, ds = described(annotator, MODALITY, UNKNOWN, other, SERIES)
    first, second = ds.ContributingEquipmentSequence
    assert first.Manufacturer == "OTHER"
    assert first[0x00191001].VR == "US"
    assert second.Manufacturer == "Atlas Node"
    assert ds.SeriesInstanceUID == "1.2.3"


def test_group_lengths_stay_true(annotator: Annotator) -> None:
    body = MODALITY + STATION
    length = element(0x00080000, "UL", struct.pack("<I", len(body)))
    out, _ = described(annotator, length + body, UNKNOWN)
    (value,) = struct.unpack_from("<I", out, 8)
    assert out[12 + value : 14 + value] == b"\x18\0"


@pytest.mark.parametrize("make", [sequence, open_sequence])
def test_an_object_that_becomes_explicit_is_described_like_one_that_was(
    annotator: Annotator, make
) -> None:
    def stream(element, unknown, make) -> bytes:
        named = make(0x0018A001, open_item(element(0x00080070, "LO", b"OTHER ")))
        group = MODALITY + STATION
        parts = (
            element(0x00080000, "UL", struct.pack("<I", len(group))),
            element(0x00080060, "CS", b"MR"),
            element(0x00081010, "SH", b"STATION "),
            named,
            element(0x00190010, "LO", b"ATLAS TEST"),
            element(0x00191001, unknown, b"\x24\0"),
            element(0x00191004, unknown, bytes(2000)),
            element(0x0020000E, "UI", b"1.2.3\0"),
            element(0x7FE00010, "OW", bytes(2000)),
        )
        return b"".join(parts)

    def without_vr(tag: int, _: str, value: bytes, length: int | None = None) -> bytes:
        return implicit(tag, value, length)

    def made_without_vr(tag: int, *items: bytes) -> bytes:
        return make(tag, *items).replace(b"SQ\0\0", b"")

    expected, _ = described(annotator, stream(element, "UN", make))
    annotation = annotator.annotate(
        stream(without_vr, "", made_without_vr),
        IMPLICIT_VR_LITTLE_ENDIAN,
        Policy.DESCRIBE,
        EXPLICIT_VR_LITTLE_ENDIAN,
    )
    assert b"".join(annotation.pieces) == expected
    assert expected.count(b"OTHER") == 1


def test_a_group_length_out_of_its_place_counts_nothing_more(annotator: Annotator) -> None:
    length = element(0x00080000, "UL", struct.pack("<I", len(MODALITY)))
    out, _ = described(annotator, UNKNOWN, length + MODALITY)
    assert out.endswith(length + MODALITY)


def test_nothing_decoded_nothing_described(annotator: Annotator) -> None:
    stream = MODALITY + CREATOR + un(0x00191099, b"what")
    assert annotate(annotator, stream, policy=Policy.DESCRIBE)[0] == stream


def test_an_object_in_implicit_vr_is_left(annotator: Annotator) -> None:
    stream = implicit(0x00190010, b"ATLAS TEST") + implicit(0x00191001, b"\x24\0")
    out, _ = annotate(annotator, stream, syntax=IMPLICIT_VR_LITTLE_ENDIAN, policy=Policy.DESCRIBE)
    assert out == stream
