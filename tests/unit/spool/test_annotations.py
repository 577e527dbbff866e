import pytest

from atlas_node.model import Envelope
from atlas_node.spool import Entry
from atlas_node.spool.annotations import HeldAnnotations

ENVELOPE = Envelope(1.0, "SCANNER", "ATLAS", "192.0.2.7", "1.2", "1.2.3", "1.2.840.10008.1.2")


def entry(object_id, size):
    return Entry(object_id, ENVELOPE, size, 0, ())


@pytest.fixture
def held():
    return HeldAnnotations(most=100, count=3)


def test_an_annotation_is_there_until_it_is_released(held):
    held.hold(entry("a", 10), "what was sent")
    assert (held.of("a"), held.of("b")) == ("what was sent", None)
    held.release("a")
    assert held.of("a") is None


def test_the_first_of_an_object_stays(held):
    held.hold(entry("a", 60), "to the first destination")
    held.hold(entry("a", 60), "to the second")
    assert held.of("a") == "to the first destination"


def test_what_finds_no_room_is_not_kept_until_there_is_some(held):
    for object_id in ("a", "b"):
        held.hold(entry(object_id, 60), "annotation")
    assert held.of("b") is None
    held.release("a")
    held.release("a")
    held.hold(entry("b", 100), "annotation")
    held.hold(entry("c", 1), "annotation")
    assert (held.of("b"), held.of("c")) == ("annotation", None)


def test_no_more_are_kept_than_there_may_be_descriptors(held):
    for object_id in ("a", "b", "c", "d"):
        held.hold(entry(object_id, 1), "annotation")
    assert held.of("d") is None
    held.release("a")
    held.hold(entry("d", 1), "annotation")
    assert held.of("d") == "annotation"
