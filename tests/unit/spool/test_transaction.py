from __future__ import annotations

import contextlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.spool.transaction import (
    EncodedDataSet,
    Enquiry,
    EnquiryStatus,
    Transaction,
    from_bytes,
    new_transaction_uid,
    to_bytes,
    transaction_id,
    transaction_id_of,
)

data_sets = st.builds(EncodedDataSet.of, st.text(max_size=64), st.binary(max_size=200))
numbers = st.floats(allow_nan=False, allow_infinity=False)
enquiries = st.builds(
    Enquiry,
    destination=st.text(max_size=20),
    sop_classes=st.lists(st.text(max_size=64), max_size=3).map(tuple),
    status=st.sampled_from(EnquiryStatus),
    transaction_uids=st.lists(st.text(max_size=64), max_size=3).map(tuple),
    tries=st.integers(0, 1000),
    next_try_at=numbers,
    detail=st.text(),
    event_type=st.integers(0, 2),
    report=st.none() | data_sets,
)
transactions = st.builds(
    Transaction,
    transaction_id=st.text(max_size=12),
    received_at=numbers,
    calling_ae=st.text(max_size=16),
    called_ae=st.text(max_size=16),
    peer=st.text(max_size=40),
    transaction_uid=st.text(max_size=64),
    request=data_sets,
    enquiries=st.lists(enquiries, max_size=3).map(tuple),
    complete_at=numbers,
    tries=st.integers(0, 1000),
    next_try_at=numbers,
    detail=st.text(),
    given_up=st.booleans(),
)


@given(transactions)
def test_a_file_gives_back_what_was_written(transaction):
    assert from_bytes(to_bytes(transaction)) == transaction


@given(transactions, st.data())
def test_a_file_that_was_cut_or_changed_is_refused_or_read(transaction, data):
    content = bytearray(to_bytes(transaction))
    cut = data.draw(st.integers(0, len(content) - 3))
    with pytest.raises(ValueError):
        from_bytes(bytes(content[:cut]))
    content[cut] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        from_bytes(bytes(content))


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"version": 2}', b'{"version": 1}', b"null", b"\xff", b"7", b'"text"'],
)
def test_what_is_no_transaction_is_refused(content):
    with pytest.raises(ValueError):
        from_bytes(content)


def test_the_same_request_has_the_same_identifier():
    assert transaction_id("CT1", "1.2.3") == transaction_id("CT1", "1.2.3")
    assert transaction_id("CT1", "1.2.3") != transaction_id("CT2", "1.2.3")
    assert transaction_id("CT1", "1.2.3") != transaction_id("CT1", "1.2.4")
    assert transaction_id("../..", "../../x").isalnum()


@given(st.text(max_size=16), st.text(max_size=64))
def test_a_transaction_uid_of_ours_is_a_uuid_that_leads_to_its_transaction(calling_ae, uid):
    identifier = transaction_id(calling_ae, uid)
    ours = new_transaction_uid(identifier)
    assert len(ours) <= 64
    prefix, _, number = ours.rpartition(".")
    assert prefix == "2.25"
    assert number == str(int(number))
    assert uuid.UUID(int=int(number)).version == 4
    assert uuid.UUID(int=int(number)).variant == uuid.RFC_4122
    assert transaction_id_of(ours) == identifier
    assert new_transaction_uid(identifier) != ours


@given(st.text())
def test_what_is_no_uid_of_ours_leads_nowhere_or_to_a_name_without_dots(uid):
    for text in (uid, f"2.25.{uid}"):
        found = transaction_id_of(text)
        assert found is None or found.isalnum()


@pytest.mark.parametrize("uid", ["", "1.2.3", "2.25.", "2.25.-1", "2.25." + "9" * 39, "2.25.1.2"])
def test_a_foreign_uid_leads_nowhere(uid):
    assert transaction_id_of(uid) is None


def test_a_transaction_is_complete_when_every_archive_is_done():
    empty = EncodedDataSet.of("", b"")
    two = (Enquiry("a", ()), Enquiry("b", ()))
    transaction = Transaction("id", 1.0, "CT1", "ATLAS", "192.0.2.1", "1.2.3", empty, two)

    def done(status):
        return lambda enquiry: Enquiry(enquiry.destination, (), status)

    half = transaction.with_enquiry("a", done(EnquiryStatus.REPORTED), 5.0)
    assert (half.complete, half.complete_at) == (False, 0.0)
    whole = half.with_enquiry("b", done(EnquiryStatus.FAILED), 7.0)
    assert (whole.complete, whole.complete_at) == (True, 7.0)
    assert whole.with_enquiry("b", done(EnquiryStatus.REPORTED), 9.0).complete_at == 7.0
    assert whole.enquiry("c") is None
