"""The parts of pynetdicom that the node replaces or leans on are those it was written against.

When pynetdicom changes one of them this fails with its name and that of the module of ours that
knows it: read what changed, see whether our module still does right, then put in the new digest.
"""

import hashlib
import inspect

import pytest
from pydicom import uid
from pynetdicom import (
    acse,
    ae,
    association,
    dimse,
    dimse_messages,
    dul,
    fsm,
    pdu,
    presentation,
    service_class,
    transport,
)

PARTS = {
    "provider": [
        (dul.DULServiceProvider.__init__, "c82dafa9438ddf70"),
        (dul.DULServiceProvider.run_reactor, "e3a10eb3a0931e48"),
        (dul.DULServiceProvider._is_transport_event, "8725ed03bb8fbdef"),
        (dul.DULServiceProvider._process_recv_primitive, "4c0ebbb3e646e35e"),
        (dul.DULServiceProvider._read_pdu_data, "19f2d4e38c13c835"),
        (dul.DULServiceProvider._decode_pdu, "fc71dd1bf853e1ce"),
        (dul.DULServiceProvider._send, "a850a7919e68484e"),
        (dul.DULServiceProvider.send_pdu, "7cbce5da8594124e"),
        (dul.DULServiceProvider.kill_dul, "5ceccf8dd01c2072"),
        (fsm.StateMachine.do_action, "9a883f44c7f31641"),
        (fsm.AE_5, "35e8617fcc8d3186"),
        (fsm.AE_7, "c62284735836c78a"),
        (fsm.AR_2, "2cf6aeb89062e88d"),
        (fsm.AR_4, "33a12cf6208e9ac3"),
        (fsm.AR_5, "dc32d2343f420b32"),
        (fsm.AA_1, "8495a4665f7ad3c9"),
        (fsm.AA_2, "a58069d8299198e0"),
        (fsm.AA_3, "de64452e828d09da"),
        (fsm.AA_4, "de72d40c80b07e3e"),
        (fsm.AA_8, "06c83317f08831fd"),
    ],
    "acceptor": [
        (association.Association.__init__, "eb07516b8009ad8f"),
        (association.Association.run_reactor, "ed8bbbe3b3d6ddae"),
        (association.Association._run_reactor, "f28838c5559e462a"),
        (association.Association._serve_request, "2f24c1759cdf6c8c"),
        (association.Association.kill, "8f9713666a7f4cff"),
        (association.Association._abort_blocking, "10b43ef8c63c6764"),
        (acse.ACSE._negotiate_as_acceptor, "fffd360957c42a8e"),
        (acse.ACSE.is_release_requested, "894b33d21a8dec8e"),
        (acse.ACSE.is_aborted, "ad2eb3f545a9ed05"),
    ],
    "accepted_socket": [
        (transport.AssociationSocket.__init__, "1f0325fdef2cc353"),
        (transport.AssociationSocket.recv, "6bc20a33b1b7cfe7"),
        (transport.AssociationSocket.send, "1ea8158c0b51faca"),
        (transport.AssociationSocket.close, "c726c8db53813d55"),
    ],
    "closing": [
        (transport.AssociationSocket._shutdown_socket, "e2b2628faa81a578"),
    ],
    "data_transfer": [
        (fsm.DT_2, "9ec543394e0b49eb"),
        (dimse.DIMSEServiceProvider.receive_primitive, "5f99c86b14a15cef"),
        (dimse.DIMSEServiceProvider.get_msg, "890e3e04283f5aeb"),
        (dimse.DIMSEServiceProvider.send_msg, "a839cf2fb46976d9"),
        (dimse_messages.DIMSEMessage.decode_msg, "f51c777e841a76be"),
        (dimse_messages.DIMSEMessage.encode_msg, "73000c902c52832d"),
        (service_class.StorageServiceClass.SCP, "63afca7fc6c6e7ee"),
        (service_class.VerificationServiceClass.SCP, "d30d511f87d0268d"),
    ],
    "associate_request": [
        (fsm.AE_6, "385d595ed49432af"),
        (pdu.PDU.decode, "07098f2d8a4d45e4"),
        (pdu.A_ASSOCIATE_RQ.to_primitive, "92cb1a8bedf659e5"),
        (presentation.PresentationContext.__init__, "37a8842ac07cd8f3"),
        (presentation.PresentationContext.add_transfer_syntax, "83bb818ef65a6968"),
        (presentation.negotiate_unrestricted, "344f31fc8c738793"),
        (presentation.negotiate_as_acceptor, "d5413f08f0ac7b32"),
        (uid.UID.__new__, "608d4e34f388481f"),
    ],
    "server": [
        (transport.AssociationServer.__init__, "edacb98bdfb7b974"),
        (transport.AssociationServer.server_bind, "cf69278a05a5c777"),
        (transport.AssociationServer.get_request, "925a4f3a3042f6e4"),
        (transport.AssociationServer.process_request, "4fa44ac5b54b4498"),
        (transport.AssociationServer.service_actions, "0a0853a3615ac7c5"),
        (transport.AssociationServer.server_close, "3fa1b358badbe682"),
        (transport.AssociationServer.shutdown, "e8e2c3a41009886d"),
        (transport.RequestHandler.handle, "034823fb4df3a874"),
        (transport.RequestHandler._create_association, "05c8d12b79863cdb"),
    ],
    "requestor": [
        (transport.AssociationSocket.connect, "aeeeae413bd339dc"),
        (association.Association.request, "928cd0e3013c9ab9"),
        (association.Association.release, "c7d713502b77d702"),
        (association.Association._serve_request, "2f24c1759cdf6c8c"),
        (acse.ACSE._negotiate_as_requestor, "507959152c5896c6"),
        (ae.ApplicationEntity.associate, "dbc8cf47090386b2"),
        (ae.ApplicationEntity._create_socket, "f56bca8888e1ce9f"),
        (transport.AssociationSocket._create_socket, "bf8b92b106c8aa07"),
        (dul.DULServiceProvider.stop_dul, "28a7e0be126e7b30"),
    ],
    "checkpoint": [
        (association.Association.send_n_action, "fd0ab80035a52546"),
        (association.Association.send_c_find, "5879d593298e14b6"),
    ],
}
TRANSITION_TABLE = "73f9bd6de4b8d8ee"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("ours", "part", "known"),
    [(ours, part, known) for ours, parts in PARTS.items() for part, known in parts],
    ids=lambda it: getattr(it, "__qualname__", ""),
)
def test_the_part_of_pynetdicom_is_the_one_we_know(ours, part, known):
    assert digest(inspect.getsource(part)) == known, (
        f"{part.__module__}.{part.__qualname__} has changed: read atlas_node.dimse.transport.{ours}"
    )


def test_the_state_machine_has_the_transitions_we_know():
    assert digest(repr(sorted(fsm.TRANSITION_TABLE.items()))) == TRANSITION_TABLE
