from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
)
from pynetdicom.dsutils import encode

from atlas_node.dimse.commitment import information as module
from atlas_node.dimse.commitment.information import (
    InformationError,
    read,
    read_request,
    read_transaction_uid,
    received,
    report_information,
    request_information,
)
from atlas_node.spool.transaction import EncodedDataSet, Enquiry, EnquiryStatus, Transaction
from tests.commitment import information, named, references

# As in the node: pydicom warns of bytes that are no data set.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def encoded(ds: Dataset, syntax=ExplicitVRLittleEndian) -> EncodedDataSet:
    data = encode(ds, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    assert data is not None
    return EncodedDataSet.of(str(syntax), data)


def transaction(asked, *enquiries: Enquiry) -> Transaction:
    request = encoded(information("1.2.3", asked))
    return Transaction("id", 1.0, "CT1", "ATLAS", "192.0.2.1", "1.2.3", request, enquiries)


def reported(name, classes, committed, failed=(), reason=0x0112, **attributes) -> Enquiry:
    ds = information("2.25.1", committed, failed, reason)
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    event_type = 2 if failed else 1
    return Enquiry(
        name,
        tuple(map(str, classes)),
        EnquiryStatus.REPORTED,
        event_type=event_type,
        report=encoded(ds),
    )


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_request_is_read_in_every_transfer_syntax(syntax):
    asked = references(3)
    requested = read_request(encoded(information("1.2.3", asked), syntax))
    assert requested.transaction_uid == "1.2.3"
    assert list(requested.references) == asked


@pytest.mark.parametrize(
    ("spoil", "status", "message"),
    [
        (lambda ds: delattr(ds, "TransactionUID"), 0x0120, "has no TransactionUID"),
        (lambda ds: setattr(ds, "TransactionUID", "../x"), 0x0115, "is no UID"),
        (lambda ds: setattr(ds, "TransactionUID", "1." + "2" * 63), 0x0115, "is no UID"),
        (lambda ds: setattr(ds, "TransactionUID", ["1.2", "1.3"]), 0x0115, "is no UID"),
        (lambda ds: delattr(ds, "ReferencedSOPSequence"), 0x0120, r"\(0008,1199\)"),
        (lambda ds: setattr(ds, "ReferencedSOPSequence", []), 0x0120, r"\(0008,1199\)"),
        (
            lambda ds: delattr(ds.ReferencedSOPSequence[1], "ReferencedSOPInstanceUID"),
            0x0120,
            "an item of ReferencedSOPSequence has no ReferencedSOPInstanceUID",
        ),
    ],
)
def test_a_request_that_lacks_something_is_refused(spoil, status, message):
    ds = information("1.2.3", references(2))
    spoil(ds)
    with pytest.raises(InformationError, match=message) as raised:
        read_request(encoded(ds))
    assert raised.value.status == status


def test_a_sequence_that_is_none_is_refused():
    ds = Dataset()
    ds.TransactionUID = "1.2.3"
    ds.add_new(0x00081199, "LO", "no sequence")
    with pytest.raises(InformationError, match="not a sequence"):
        read_request(encoded(ds))


def test_more_instances_than_are_taken_at_once_are_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_REFERENCES", 2)
    with pytest.raises(InformationError, match="3 items, at most 2") as raised:
        read_request(encoded(information("1.2.3", references(3))))
    assert raised.value.status == 0x0213


def test_a_data_set_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    assert received("1.2.840.10008.1.2", BytesIO(bytes(10))).data == bytes(10)
    assert received("1.2.840.10008.1.2", None).data == b""
    with pytest.raises(InformationError, match="has 11 bytes, at most 10") as raised:
        received("1.2.840.10008.1.2", BytesIO(bytes(11)))
    assert raised.value.status == 0x0213


@pytest.mark.parametrize("depth", [100, 100_000])
def test_sequences_in_sequences_without_end_are_refused(depth):
    nested = bytes.fromhex("08009911ffffffff feff00e0ffffffff") * depth
    with pytest.raises(InformationError):
        read_request(EncodedDataSet.of(str(ImplicitVRLittleEndian), nested))


@given(st.binary(max_size=300), st.sampled_from(SYNTAXES))
def test_bytes_of_any_kind_are_read_or_refused(data, syntax):
    for reader in read_request, read_transaction_uid:
        try:
            reader(EncodedDataSet.of(str(syntax), data))
        except InformationError as error:
            assert error.status in (0x0115, 0x0120, 0x0213)


@given(st.data())
def test_a_request_with_any_byte_changed_is_read_or_refused(data):
    syntax = data.draw(st.sampled_from(SYNTAXES))
    asked = [("1.2.840.10008.5.1.4.1.1.2", f"1.2.{number}") for number in range(2)]
    whole = bytearray(encoded(information("1.2.3", asked), syntax).data)
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    changed = EncodedDataSet.of(str(syntax), bytes(whole))
    for reader in read_request, read_transaction_uid:
        try:
            reader(changed)
        except InformationError as error:
            assert error.status in (0x0115, 0x0120, 0x0213)
        else:
            # What was taken can be sent on.
            encoded(read(changed))


def test_the_archive_is_asked_what_the_scanner_asked():
    asked = references(3)
    ds = information("1.2.3", asked)
    ds.StorageMediaFileSetID = "DISC1"
    enquiry = Enquiry("pacs", (str(CTImageStorage),))
    one = replace(transaction(asked, enquiry), request=encoded(ds))
    sent, named_in_it = request_information(one, enquiry, "2.25.7")
    assert sent.TransactionUID == "2.25.7"
    assert sent.StorageMediaFileSetID == "DISC1"
    assert named(sent, "ReferencedSOPSequence") == named_in_it == asked


def test_an_archive_is_asked_for_its_sop_classes_alone():
    ct, mr = references(2), references(1, MRImageStorage)
    enquiry = Enquiry("pacs", (str(MRImageStorage),))
    sent, _ = request_information(transaction([*ct, *mr], enquiry), enquiry, "2.25.7")
    assert named(sent, "ReferencedSOPSequence") == mr


def test_the_report_of_one_archive_is_passed_on_as_it_is():
    asked = references(2)
    report = reported(
        "pacs", [CTImageStorage], asked[:1], asked[1:], RetrieveAETitle="PACS",
        StorageMediaFileSetID="DISC1",
    )  # fmt: skip
    event_type, told = report_information(transaction(asked, report))
    assert event_type == 2
    assert told.TransactionUID == "1.2.3"
    assert named(told, "ReferencedSOPSequence") == asked[:1]
    assert told.FailedSOPSequence[0].FailureReason == 0x0112
    assert (told.RetrieveAETitle, told.StorageMediaFileSetID) == ("PACS", "DISC1")


def test_what_one_of_two_archives_has_not_is_not_committed():
    asked = references(3)
    first = reported("a", [CTImageStorage], asked[:2], asked[2:], RetrieveAETitle="A")
    second = reported("b", [CTImageStorage], asked[::2], asked[1:2], reason=0x0213)
    event_type, told = report_information(transaction(asked, first, second))
    assert event_type == 2
    assert named(told, "ReferencedSOPSequence") == asked[:1]
    assert told.ReferencedSOPSequence[0].RetrieveAETitle == "A"
    assert [
        (item.ReferencedSOPInstanceUID, item.FailureReason) for item in told.FailedSOPSequence
    ] == [(asked[1][1], 0x0213), (asked[2][1], 0x0112)]


def test_two_archives_may_each_commit_to_their_own():
    ct, mr = references(2), references(1, MRImageStorage)
    event_type, told = report_information(
        transaction(
            [*ct, *mr],
            reported("a", [CTImageStorage], ct),
            reported("b", [MRImageStorage], mr),
        )
    )
    assert event_type == 1
    assert named(told, "ReferencedSOPSequence") == [*ct, *mr]
    assert "FailedSOPSequence" not in told


def test_what_no_archive_was_asked_for_is_not_committed():
    ct, mr = references(1), references(1, MRImageStorage)
    event_type, told = report_information(
        transaction([*ct, *mr], reported("a", [CTImageStorage], ct))
    )
    assert event_type == 2
    assert named(told, "ReferencedSOPSequence") == ct
    assert named(told, "FailedSOPSequence") == mr


def test_what_an_archive_does_not_name_or_names_in_both_sequences_is_not_committed():
    asked = references(3)
    first = reported("a", [CTImageStorage], asked[:2], asked[1:2])
    second = reported("b", [CTImageStorage], asked)
    _, told = report_information(transaction(asked, first, second))
    assert named(told, "ReferencedSOPSequence") == asked[:1]
    assert [item.FailureReason for item in told.FailedSOPSequence] == [0x0112, 0x0110]


def test_what_is_dead_in_the_spool_is_not_committed_whatever_the_archive_has():
    asked = references(3)
    report = reported("pacs", [CTImageStorage], asked[:2], asked[2:], RetrieveAETitle="PACS")
    refused = replace(report, undelivered=(asked[0][1], asked[2][1]))
    event_type, told = report_information(transaction(asked, refused))
    assert event_type == 2
    assert named(told, "ReferencedSOPSequence") == asked[1:2]
    assert told.ReferencedSOPSequence[0].RetrieveAETitle == "PACS"
    assert named(told, "FailedSOPSequence") == [asked[0], asked[2]]
    assert [item.FailureReason for item in told.FailedSOPSequence] == [0x0110, 0x0112]


def test_an_archive_that_was_given_up_has_committed_nothing():
    asked = references(2)
    failed = Enquiry("pacs", (str(CTImageStorage),), EnquiryStatus.FAILED)
    event_type, told = report_information(transaction(asked, failed))
    assert event_type == 2
    assert "ReferencedSOPSequence" not in told
    assert named(told, "FailedSOPSequence") == asked


outcomes = st.lists(
    st.lists(st.sampled_from(["committed", "failed", "both", "neither"]), min_size=4, max_size=4),
    min_size=2,
    max_size=3,
)


@given(outcomes, st.integers(0, 3))
def test_nothing_is_committed_that_an_archive_has_not_committed(says, given_up):
    asked = references(4)
    enquiries = []
    for number, archive in enumerate(says):
        pairs = list(zip(asked, archive, strict=True))
        enquiry = reported(
            f"archive{number}",
            [CTImageStorage],
            [it for it, what in pairs if what in ("committed", "both")],
            [it for it, what in pairs if what in ("failed", "both")],
        )
        if number == given_up:
            enquiry = replace(enquiry, status=EnquiryStatus.FAILED, report=None)
        enquiries.append(enquiry)
    event_type, told = report_information(transaction(asked, *enquiries))
    committed = named(told, "ReferencedSOPSequence")
    wanted = [
        it
        for number, it in enumerate(asked)
        if given_up >= len(says) and all(archive[number] == "committed" for archive in says)
    ]
    assert committed == wanted
    assert sorted([*committed, *named(told, "FailedSOPSequence")]) == sorted(asked)
    assert event_type == (1 if committed == asked else 2)


@pytest.mark.parametrize("syntax", SYNTAXES[:2])
@pytest.mark.parametrize("came_in", SYNTAXES)
def test_a_report_can_be_sent_in_another_transfer_syntax_than_it_came_in(came_in, syntax):
    asked = references(2)
    ds = information("2.25.1", asked[:1], asked[1:])
    one = Enquiry(
        "pacs",
        (str(CTImageStorage),),
        EnquiryStatus.REPORTED,
        event_type=2,
        report=encoded(ds, came_in),
    )
    _, told = report_information(transaction(asked, one))
    again = read(encoded(told, syntax))
    assert named(again, "ReferencedSOPSequence") == asked[:1]
    assert again.FailedSOPSequence[0].FailureReason == 0x0112
