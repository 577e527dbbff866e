import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.sop_class import _STORAGE_CLASSES

from atlas_node.dimse.transport.associate_request import AssociateRequest
from atlas_node.dimse.transport.fragments import ProtocolError
from tests.scanner import EXPLICIT, IMPLICIT, associate_rq, item, pdu

STORAGE = sorted(set(_STORAGE_CLASSES.values()))
SYNTAXES = [EXPLICIT, IMPLICIT, "1.2.840.10008.1.2.4.90", "1.2.840.113619.5.2"]

proposals = st.lists(
    st.tuples(
        st.sampled_from([*STORAGE, "1.3.12.2.1107.5.9.1"]),
        st.lists(st.sampled_from(SYNTAXES), min_size=1, max_size=4, unique=True),
    ),
    max_size=20,
)


def contexts(request: A_ASSOCIATE_RQ) -> list[tuple[object, ...]]:
    return [
        (it.context_id, it.abstract_syntax, it.transfer_syntax, it.abstract_syntax.is_private)
        for it in request.to_primitive().presentation_context_definition_list
    ]


@given(proposals)
def test_a_request_is_read_as_pynetdicom_reads_it(proposal):
    encoded = associate_rq("ATLAS", "SCANNER", proposal, 16384)
    ours, theirs = AssociateRequest(), A_ASSOCIATE_RQ()
    ours.decode(encoded)
    theirs.decode(encoded)
    assert contexts(ours) == contexts(theirs)
    for name in "calling_ae_title", "called_ae_title", "application_context_name":
        assert getattr(ours.to_primitive(), name) == getattr(theirs.to_primitive(), name)
    [length, *_] = ours.to_primitive().user_information
    assert length.maximum_length_received == 16384


def test_items_in_any_order_are_taken():
    encoded = associate_rq("ATLAS", "SCANNER", [(STORAGE[0], [EXPLICIT])], 16384)
    body = encoded[74:]
    application_context, rest = body[:25], body[25:]
    request = AssociateRequest()
    request.decode(encoded[:74] + rest + application_context)
    assert [it[1] for it in contexts(request)] == [STORAGE[0]]
    assert request.to_primitive().application_context_name == "1.2.840.10008.3.1.1.1"


def request_with(*more: bytes, called: bytes = b"ATLAS", calling: bytes = b"SCANNER") -> bytes:
    """A request with one context, and with more sub-items of user information."""
    one = item(0x20, b"\1\0\0\0" + item(0x30, STORAGE[0].encode()) + item(0x40, EXPLICIT.encode()))
    user = item(0x50, item(0x51, struct.pack(">I", 16384)) + b"".join(more))
    head = struct.pack(">HH", 1, 0) + called.ljust(16) + calling.ljust(16) + bytes(32)
    return pdu(1, head + item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x77, b"new") + one + user)


@pytest.mark.parametrize(
    "more",
    [
        item(0x5A, b"of a later edition"),
        item(0x58, b"\x09\1\0\4user\0\0"),  # an identity of a kind that there is not
        item(0x58, b""),
    ],
)
def test_what_is_not_known_is_passed_over(more):
    request = AssociateRequest()
    request.decode(request_with(more))
    assert len(contexts(request)) == 1
    [length] = request.to_primitive().user_information
    assert length.maximum_length_received == 16384


def test_a_user_identity_is_kept():
    request = AssociateRequest()
    request.decode(request_with(item(0x58, b"\1\0\0\4user\0\0")))
    _, identity = request.to_primitive().user_information
    assert identity.primary_field == b"user"


def test_ae_titles_padded_with_nul_are_those_without():
    request = AssociateRequest()
    request.decode(request_with(called=b"ATLAS".ljust(16, b"\0"), calling=b"CT 1\0"))
    primitive = request.to_primitive()
    assert (primitive.called_ae_title.strip(), primitive.calling_ae_title.strip()) == (
        "ATLAS",
        "CT 1",
    )


@pytest.mark.parametrize("title", [b"", bytes(16), b"CT\\1", b"G\xe4t", b"A\nB", b"A\0B"])
@pytest.mark.parametrize("which", ["called", "calling"])
def test_what_is_no_ae_title_is_refused_with_its_name(which, title):
    with pytest.raises(ProtocolError, match=f"a {which} AE title that is empty or has"):
        AssociateRequest().decode(request_with(**{which: title}))


def context(context_id: int, *items: tuple[int, bytes]) -> bytes:
    return item(0x20, bytes([context_id, 0, 0, 0]) + b"".join(item(*it) for it in items))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (context(2, (0x30, b"1.2"), (0x40, b"1.3")), "presentation context 2: its identifier is"),
        (context(1, (0x40, b"1.3")), "presentation context 1: a syntax is missing"),
        (context(1, (0x30, b"1.2")), "presentation context 1: a syntax is missing"),
        (context(1, (0x30, b"1." + b"2" * 63)), "a UID of 65 characters, expected 1 to 64"),
        (context(1, (0x30, b"\0"), (0x40, b"1.3")), "a UID of 0 characters, expected 1 to 64"),
        (item(0x20, b"\1\0"), "a presentation context without an identifier"),
        (b"\x20\0\0", "ends within the header of an item"),
        (b"\x20\0\0\x09abcd", "an item of 9 bytes in an association request that has 4 left"),
        (item(0x20, b"\1\0\0\0\x30\0\0\x09abc"), "an item of 9 bytes"),
    ],
)
def test_what_cannot_be_negotiated_is_refused(item, message):
    encoded = associate_rq("ATLAS", "SCANNER", [], 16384)
    with pytest.raises(ProtocolError, match=message):
        AssociateRequest().decode(encoded + item)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_an_error(noise):
    head = pdu(1, struct.pack(">HH", 1, 0) + b"ATLAS".ljust(16) + b"SCANNER".ljust(16) + bytes(32))
    request = AssociateRequest()
    # pynetdicom reads the other items and raises what it likes; the state machine takes them all.
    try:
        request.decode(head + noise)
    except Exception:
        return
    for proposed in request._contexts:
        assert proposed.abstract_syntax
        assert proposed.transfer_syntax
