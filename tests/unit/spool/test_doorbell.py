import multiprocessing

import pytest

from atlas_node.spool import Doorbell, Occupancy
from tests.waiting import LONG


@pytest.fixture
def doorbell():
    made = Doorbell()
    yield made
    made.close()


def test_what_is_rung_is_heard_in_order(doorbell):
    ids = [f"{number:016x}-00abcd" for number in range(100)]
    assert all(map(doorbell.ring, ids))
    assert doorbell.listen(0) == ids
    assert doorbell.listen(0) == []


def test_a_full_pipe_is_said_and_holds_nobody_up(doorbell):
    rung = 0
    while doorbell.ring(f"{rung:016x}-00abcd"):
        rung += 1
    heard = []
    while records := doorbell.listen(0):
        heard += records
    assert heard == [f"{number:016x}-00abcd" for number in range(rung)]
    assert doorbell.ring("x")


def _receive(occupancy, doorbell):
    occupancy.accepted(1, 500)
    doorbell.ring("0000000000000001-00abcd")


def test_both_go_with_a_child_process(doorbell):
    occupancy = Occupancy(2)
    child = multiprocessing.get_context("spawn").Process(
        target=_receive, args=(occupancy, doorbell)
    )
    child.start()
    assert doorbell.listen(LONG) == ["0000000000000001-00abcd"]
    child.join()
    assert (occupancy.objects(), occupancy.bytes()) == (1, 500)
    occupancy.close()
