import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
)
from pynetdicom import build_context, build_role
from pynetdicom.pdu_primitives import A_ASSOCIATE

from atlas_node.dimse.presentation import deliverable_as, preferred, put_in_order
from atlas_node.model import Policy


@pytest.mark.parametrize(
    ("proposed", "taken"),
    [
        ([ImplicitVRLittleEndian, ExplicitVRLittleEndian], ExplicitVRLittleEndian),
        ([ImplicitVRLittleEndian, JPEG2000Lossless, ExplicitVRLittleEndian], JPEG2000Lossless),
        ([ExplicitVRLittleEndian, JPEG2000Lossless], ExplicitVRLittleEndian),
        ([ExplicitVRBigEndian, ImplicitVRLittleEndian], ImplicitVRLittleEndian),
        ([ExplicitVRBigEndian], ExplicitVRBigEndian),
        ([ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian], DeflatedExplicitVRLittleEndian),
        (["1.2.840.113619.5.2", ExplicitVRLittleEndian], "1.2.840.113619.5.2"),
    ],
)
def test_what_the_sender_would_rather_send_is_taken_if_it_names_the_vrs(proposed, taken):
    assert preferred(proposed)[0] == taken
    assert sorted(preferred(proposed)) == sorted(proposed)


@pytest.mark.parametrize(
    ("proposed", "taken"),
    [
        (
            [JPEG2000Lossless, ImplicitVRLittleEndian, ExplicitVRLittleEndian],
            ExplicitVRLittleEndian,
        ),
        ([JPEG2000Lossless, ImplicitVRLittleEndian], ImplicitVRLittleEndian),
        ([JPEG2000Lossless, DeflatedExplicitVRLittleEndian], JPEG2000Lossless),
    ],
)
def test_of_a_peer_that_takes_objects_an_uncompressed_syntax_is_taken(proposed, taken):
    request = A_ASSOCIATE()
    request.presentation_context_definition_list = [build_context(MRImageStorage, proposed)]
    request.presentation_context_definition_list[0].context_id = 1
    request.user_information = [build_role(MRImageStorage, scp_role=True)]
    put_in_order(request)
    [context] = request.presentation_context_definition_list
    assert context.transfer_syntax[0] == taken
    assert sorted(context.transfer_syntax) == sorted(proposed)


def test_of_a_peer_that_sends_objects_too_what_it_would_rather_send_is_taken():
    request = A_ASSOCIATE()
    proposed = [JPEG2000Lossless, ExplicitVRLittleEndian]
    request.presentation_context_definition_list = [build_context(MRImageStorage, proposed)]
    request.presentation_context_definition_list[0].context_id = 1
    request.user_information = [build_role(MRImageStorage, scu_role=True, scp_role=True)]
    put_in_order(request)
    [context] = request.presentation_context_definition_list
    assert context.transfer_syntax[0] == JPEG2000Lossless


@pytest.mark.parametrize(
    ("received", "policy", "forms"),
    [
        ("1.2.840.10008.1.2", Policy.DECODE, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]),
        ("1.2.840.10008.1.2", Policy.OBSERVE, ["1.2.840.10008.1.2"]),
        ("1.2.840.10008.1.2.1", Policy.DECODE, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]),
        ("1.2.840.10008.1.2.2", Policy.DECODE, ["1.2.840.10008.1.2.2"]),
        ("1.2.840.10008.1.2.4.50", Policy.DECODE, ["1.2.840.10008.1.2.4.50"]),
    ],
)
def test_forms_in_which_an_object_can_be_delivered(received, policy, forms):
    assert deliverable_as(received, policy) == forms
