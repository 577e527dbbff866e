"""Orders beside the node send objects where the node would have sent them."""

from atlas_node.config import Config
from atlas_node.route import recipients_by
from atlas_node.spool import NO_ROUTE, Entry

CONFIG = {
    "destinations": [
        {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 11113},
        {"name": "ct", "ae_title": "CT", "host": "127.0.0.1", "port": 11114},
    ],
    "routes": [
        {"match": {"calling_ae": "SCANNER1"}, "to": ["pacs"]},
        {"match": {"modality": "CT"}, "to": ["ct"]},
    ],
}


def find_by(**sections):
    return recipients_by(Config.model_validate(CONFIG | sections))


def entry(envelope):
    return Entry("o1", envelope, 0, 0, ())


def test_it_goes_by_the_sender_and_by_what_the_object_says_of_itself(envelope, ct):
    found = find_by()(entry(envelope), memoryview(ct))
    assert [it.destination for it in found] == ["pacs", "ct"]


def test_what_still_no_route_matches_has_a_reason(envelope):
    [found] = find_by(routes=[])(entry(envelope), memoryview(b""))
    assert (found.destination, found.refusal) == (NO_ROUTE, "no route matches the object")
