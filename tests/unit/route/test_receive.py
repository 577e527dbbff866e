import pytest

from atlas_node.config import Config
from atlas_node.model import DeliveryStatus
from atlas_node.route import Receiver, Router
from atlas_node.spool import NO_ROUTE

DESTINATION = {"name": "pacs", "ae_title": "PACS", "host": "192.0.2.1", "port": 104}


def receiver(spool, *routes: dict):
    router = Router(Config.model_validate({"destinations": [DESTINATION], "routes": routes}))
    receiver = Receiver(spool.intake, lambda: router)

    def receive(envelope, data) -> str:
        arrival = receiver.begin(envelope)
        arrival.write(data)
        object_id = receiver.accept(arrival)
        spool.listen(0)
        return object_id

    return receive


def test_a_received_object_is_in_the_spool_with_its_destinations(spool, envelope, ct):
    receive = receiver(spool, {"match": {"private_creator": "SIEMENS*"}, "to": ["pacs"]})
    object_id = receive(envelope, memoryview(ct))
    delivery = spool.take("pacs", 0)
    assert delivery.entry.object_id == object_id
    assert delivery.entry.envelope == envelope
    assert bytes(spool.read(delivery.entry)) == ct


def test_an_object_without_a_route_is_kept_and_said(spool, envelope, ct, caplog):
    object_id = receiver(spool)(envelope, ct)
    [change] = spool.unrecorded(1, 0)
    assert (change.deliveries[0].destination, change.deliveries[0].status) == (
        NO_ROUTE,
        DeliveryStatus.DEAD,
    )
    spool.recorded([change])
    assert len(spool) == 1
    assert f"no route matches {object_id}" in caplog.text


@pytest.mark.parametrize("data", [b"\0", b"no data set at all", bytes(1000), b"\xff" * 999])
def test_bytes_that_are_no_data_set_are_accepted_all_the_same(spool, envelope, data):
    receive = receiver(
        spool,
        {"match": {"modality": "CT"}, "to": ["log"]},
        {"match": {"calling_ae": "SCANNER1"}, "to": ["pacs"]},
    )
    receive(envelope, memoryview(data))
    assert bytes(spool.read(spool.take("pacs", 0).entry)) == data
