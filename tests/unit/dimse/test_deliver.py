import errno
import os
import subprocess
import threading
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from pydicom.uid import CTImageStorage, MRImageStorage
from pynetdicom import _config

from atlas_dictionary import open_layers
from atlas_node.annotate import Annotator
from atlas_node.config import Destination, NodeSettings, Retry, Timeouts
from atlas_node.dimse import Courier, settings
from atlas_node.dimse.deliver import backoff
from atlas_node.model import DeliveryStatus, Envelope, Policy
from atlas_node.spool import Recipient
from tests.fault.destination import Destination as Sockets
from tests.fault.destination import Misdeed
from tests.fault.pacs import Pacs, ct_object, encoded
from tests.peers import environment, program
from tests.ports import free_port, listens
from tests.waiting import LONG, wait_until

EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture(scope="module")
def annotator():
    return Annotator(open_layers((), {}))


@pytest.fixture
def pacs():
    running = Pacs()
    yield running
    running.stop()


@pytest.fixture
def deliver(spool, node, annotator):
    """Start a courier to a port."""
    running = []

    def start(port, name="pacs", timeouts=node.timeouts, **changes):
        values = {"retry": Retry(first_delay=0.05, max_delay=0.1, max_tries=3), **changes}
        destination = Destination(name=name, ae_title="PACS", host="127.0.0.1", port=port, **values)
        ours = NodeSettings(timeouts=timeouts)
        running.append(Courier(destination, ours, spool, lambda: annotator))
        running[-1].start()
        return running[-1]

    yield start
    for courier in running:
        courier.stop(LONG)


@pytest.fixture
def accept(spool):
    """Put an object into the spool as a scanner would, and return its SOP Instance UID."""

    def put(
        number=1,
        policy=Policy.DECODE,
        sop_class=CTImageStorage,
        to=("pacs",),
        data=None,
        series="1.2.3",
    ):
        ds = ct_object(number, study=series)
        envelope = Envelope(
            1.7e9, "SCANNER", "ATLAS", "192.0.2.7", str(sop_class), str(ds.SOPInstanceUID), EXPLICIT
        )
        spool.accept(envelope, data or encoded(ds), [Recipient(name, policy) for name in to])
        return str(ds.SOPInstanceUID)

    return put


def state(spool, uid, destination="pacs"):
    for change in spool.unrecorded(1000, 0):
        if change.entry.envelope.sop_instance_uid == uid:
            return next(it for it in change.deliveries if it.destination == destination)
    raise AssertionError("the object is not in the spool")


def wait_for(spool, uid, *statuses, destination="pacs"):
    """The delivery as it was when it had one of the statuses."""
    seen = []

    def has_come():
        seen.append(state(spool, uid, destination))
        return seen[-1].status in statuses

    wait_until(has_come)
    return seen[-1]


@pytest.mark.parametrize("policy", Policy)
def test_what_arrives_is_what_annotation_makes_of_it(
    pacs, deliver, accept, spool, annotator, policy
):
    pacs.start()
    uid = accept(policy=policy)
    received = bytes(spool.read(spool.unrecorded(1, 0)[0].entry))
    deliver(pacs.port)
    record = wait_for(spool, uid, DeliveryStatus.SENT)
    expected = b"".join(annotator.annotate(received, EXPLICIT, policy).pieces)
    assert pacs.objects[uid] == [expected]
    assert (expected == received) is (policy is Policy.OBSERVE)
    assert (record.tries, record.detail, record.next_try_at) == (1, "status 0x0000", None)


def test_bytes_that_cannot_be_annotated_arrive_as_they_were_received(pacs, deliver, accept, spool):
    pacs.start()
    uid = accept(data=b"\x08\x00\x60\x00CS\xff\x00MR")
    deliver(pacs.port)
    wait_for(spool, uid, DeliveryStatus.SENT)
    assert pacs.objects[uid] == [b"\x08\x00\x60\x00CS\xff\x00MR"]


def test_objects_arrive_in_order_over_one_association(pacs, deliver, accept, spool):
    pacs.start()
    uids = [accept(number) for number in range(20)]
    deliver(pacs.port)
    assert pacs.wait_for(uids)
    assert pacs.arrived == uids
    assert pacs.associations == 1


def test_a_destination_that_is_down_gets_everything_in_order_when_it_is_back(
    pacs, deliver, accept, spool, caplog
):
    caplog.set_level("INFO")
    uids = [accept(number) for number in range(5)]
    deliver(pacs.port)
    failed = wait_for(spool, uids[0], DeliveryStatus.FAILED)
    assert failed.detail == f"PACS at 127.0.0.1:{pacs.port}: cannot connect: Connection refused"
    assert failed.next_try_at is not None
    time.sleep(0.5)  # far more tries than `max_tries`: none of them was the object's fault
    assert state(spool, uids[0]).tries == 0
    assert {state(spool, uid).status for uid in uids[1:]} == {DeliveryStatus.PENDING}
    pacs.start()
    assert pacs.wait_for(uids)
    assert pacs.arrived == uids
    assert caplog.text.count("Connection refused; its objects wait") == 1
    wait_for(spool, uids[-1], DeliveryStatus.SENT)
    assert "destination pacs answers again" in caplog.text


def test_a_destination_that_is_down_holds_up_no_other(pacs, deliver, accept, spool):
    pacs.start()
    down = Pacs()
    uids = [accept(number, to=("down", "pacs")) for number in range(5)]
    deliver(down.port, name="down")
    deliver(pacs.port)
    assert pacs.wait_for(uids)
    assert not down.objects
    assert state(spool, uids[0], "down").status in (DeliveryStatus.FAILED, DeliveryStatus.PENDING)


@pytest.mark.parametrize("status", [0xB000, 0xB006, 0xB007])
def test_a_warning_counts_as_stored_and_is_kept(pacs, deliver, accept, spool, status):
    pacs.answer = lambda event: status
    pacs.start()
    uid = accept()
    deliver(pacs.port)
    record = wait_for(spool, uid, DeliveryStatus.SENT)
    assert record.detail.startswith(f"status 0x{status:04X}")


def refusing(uid, status):
    return lambda event: status if event.request.AffectedSOPInstanceUID == uid else 0x0000


def test_a_refused_object_is_dead_after_its_tries_with_the_destinations_own_status(
    pacs, deliver, accept, spool, caplog
):
    refused = accept(1)
    others = [accept(number) for number in range(2, 5)]
    pacs.answer = refusing(refused, 0xA900)
    pacs.start()
    deliver(pacs.port)
    record = wait_for(spool, refused, DeliveryStatus.DEAD)
    assert (record.tries, record.next_try_at) == (3, None)
    assert record.detail.startswith(f"PACS at 127.0.0.1:{pacs.port}: status 0xA900")
    assert pacs.wait_for(others)
    assert "the delivery is dead" in caplog.text


NEVER_AGAIN = Retry(first_delay=600, max_delay=600)


def test_a_series_waits_for_its_object_that_failed_and_other_series_do_not(
    pacs, deliver, accept, spool
):
    first, second, third = (accept(number, series="1.2.1") for number in range(3))
    others = [accept(number, series="1.2.2") for number in range(3)]
    go_on = threading.Event()
    pacs.answer = lambda event: (
        0x0110 if event.request.AffectedSOPInstanceUID == first and not go_on.is_set() else 0x0000
    )
    pacs.start()
    deliver(pacs.port, retry=Retry(first_delay=1.5, max_delay=1.5))
    assert pacs.wait_for(others)
    wait_for(spool, first, DeliveryStatus.FAILED)
    time.sleep(0.3)
    assert pacs.arrived == others
    assert state(spool, second).status is DeliveryStatus.PENDING
    assert state(spool, second).tries == 0
    go_on.set()
    assert pacs.wait_for([third])
    assert pacs.arrived == [*others, first, second, third]


@pytest.mark.parametrize("status", [0xA900, 0xC000, 0xCFFF, 0x0122])
def test_an_object_that_is_said_to_be_at_fault_lets_its_series_pass(
    pacs, deliver, accept, spool, status
):
    first, *others = (accept(number) for number in range(4))
    pacs.answer = refusing(first, status)
    pacs.start()
    deliver(pacs.port, retry=NEVER_AGAIN)
    assert pacs.wait_for(others)
    assert pacs.arrived == others
    record = state(spool, first)
    assert (record.status, record.tries) == (DeliveryStatus.FAILED, 1)


def test_an_object_whose_context_is_refused_lets_its_series_pass(
    deliver, accept, spool, monkeypatch
):
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", False)
    monkeypatch.setattr(settings, "apply", lambda: None)
    with Pacs(contexts=[(str(CTImageStorage), EXPLICIT)]) as pacs:
        mr, ct = accept(1, sop_class=MRImageStorage), accept(2)
        deliver(pacs.port, retry=NEVER_AGAIN)
        assert pacs.wait_for([ct])
        assert state(spool, mr).status is DeliveryStatus.FAILED


def test_what_waited_for_an_object_passes_when_the_object_is_at_fault(pacs, deliver, accept, spool):
    first, *others = (accept(number) for number in range(4))
    answers = iter([0xA700])
    refuse = refusing(first, 0xA900)
    pacs.answer = lambda event: next(answers, None) or refuse(event)
    pacs.start()
    deliver(pacs.port, retry=Retry(first_delay=0.2, max_delay=600))
    assert pacs.wait_for(others)
    assert pacs.arrived == others
    assert state(spool, first).tries == 1


def test_a_series_keeps_its_order_when_one_of_its_objects_is_refused_and_dead(
    pacs, deliver, accept, spool
):
    bad, *good = (accept(number) for number in range(5))
    full_once = iter([0xA700])
    refuse = refusing(bad, 0xC000)
    pacs.answer = lambda event: refuse(event) or next(full_once, 0x0000)
    pacs.start()
    deliver(pacs.port, retry=Retry(first_delay=0.2, max_delay=0.2, max_tries=1))
    assert pacs.wait_for(good)
    assert pacs.arrived == good
    assert state(spool, bad).status is DeliveryStatus.DEAD
    assert state(spool, good[0]).tries == 1


def test_a_series_passes_an_object_that_is_refused_three_times_without_a_reason(
    pacs, deliver, accept, spool
):
    first, *others = (accept(number) for number in range(4))
    pacs.answer = refusing(first, 0x0110)
    pacs.start()
    deliver(pacs.port, retry=Retry(first_delay=0.1, max_delay=0.1))
    assert pacs.wait_for(others)
    assert pacs.arrived == others
    assert state(spool, first).tries >= 3


def test_a_series_waits_when_its_next_object_is_refused_without_a_reason_as_well(
    pacs, deliver, accept, spool
):
    uids = [accept(number) for number in range(4)]
    pacs.answer = lambda event: 0x0110
    pacs.start()
    deliver(pacs.port, retry=Retry(first_delay=0.02, max_delay=0.02))
    wait_until(lambda: state(spool, uids[0]).tries >= 8)
    assert state(spool, uids[1]).tries > 0
    assert [state(spool, uid).tries for uid in uids[2:]] == [0, 0]


def test_a_series_passes_an_object_over_which_a_destination_breaks_that_stores_others(
    sockets, deliver, accept, spool
):
    bad, *behind = (accept(number, series="1.2.1") for number in range(4))
    asked = []
    sockets.during = breaks_over([bad], asked)
    deliver(sockets.port, retry=Retry(first_delay=0.05, max_delay=0.05, max_tries=1000))
    number = 10
    while state(spool, behind[-1]).status is DeliveryStatus.PENDING:
        wait_for(spool, accept(number, series=f"1.3.{number}"), DeliveryStatus.SENT)
        number += 1
        assert number < 500
    assert asked.count(bad) >= 3
    assert [uid for uid in sockets.arrived if uid in behind] == behind


def test_a_series_goes_on_when_its_object_that_failed_is_dead(pacs, deliver, accept, spool):
    first, *others = (accept(number) for number in range(4))
    pacs.answer = refusing(first, 0x0110)
    pacs.start()
    deliver(pacs.port, retry=Retry(first_delay=0.05, max_delay=0.1, max_tries=2))
    assert pacs.wait_for(others)
    assert pacs.arrived == others
    assert state(spool, first).status is DeliveryStatus.DEAD


def test_a_series_goes_on_when_its_object_that_failed_is_dropped(pacs, deliver, accept, spool):
    first, *others = (accept(number) for number in range(4))
    pacs.answer = refusing(first, 0x0110)
    pacs.start()
    deliver(pacs.port, retry=NEVER_AGAIN)
    wait_for(spool, first, DeliveryStatus.FAILED)
    time.sleep(0.2)
    assert pacs.arrived == []
    [object_id] = [
        it.entry.object_id
        for it in spool.unrecorded(1000, 0)
        if it.entry.envelope.sop_instance_uid == first
    ]
    spool.drop(object_id, "pacs", "by order")
    assert pacs.wait_for(others)
    assert pacs.arrived == others


def test_a_series_that_is_refused_does_not_fail_one_object_after_the_other(
    pacs, deliver, accept, spool
):
    first, *others = uids = [accept(number) for number in range(6)]
    asked = []
    pacs.answer = lambda event: asked.append(event.request.AffectedSOPInstanceUID) or 0x0110
    pacs.start()
    deliver(pacs.port, retry=Retry(first_delay=1.0, max_delay=1.0, max_tries=2))
    for uid in uids:
        wait_for(spool, uid, DeliveryStatus.DEAD)
    # One delay for the first, and one for all others together.
    assert asked[:7] == [first, first, *others]
    assert sorted(asked[7:]) == sorted(others)


def test_a_destination_out_of_resources_is_tried_for_as_long_as_it_takes(
    pacs, deliver, accept, spool
):
    answers = iter([0xA700] * 6)
    asked = []
    pacs.answer = lambda event: asked.append(time.monotonic()) or next(answers, 0x0000)
    pacs.start()
    uid = accept()
    deliver(pacs.port)
    assert wait_for(spool, uid, DeliveryStatus.SENT).tries == 1
    assert len(asked) == 7
    assert min(after - at for at, after in pairwise(asked[1:])) >= 0.1 * 0.8


class SometimesFull:
    """Answers of a destination that has no room for all objects, or for one, or refuses it."""

    def __init__(self, uid):
        self._uid = uid
        self.for_it, self.for_all = 0x0000, 0xA700
        self.asked = []

    def __call__(self, event):
        uid = event.request.AffectedSOPInstanceUID
        self.asked.append(uid)
        return self.for_all or (self.for_it if uid == self._uid else 0x0000)

    def has_room_again(self, for_it):
        """End what kept all objects out, after more tries than there are for one object."""
        wait_until(lambda: self.asked.count(self._uid) >= 4)
        self.for_it, self.for_all = for_it, 0x0000
        self.asked.clear()


def test_tries_while_a_destination_has_no_room_for_any_object_count_against_none(
    pacs, deliver, accept, spool
):
    first = accept(1, series="1.2.1")
    pacs.answer = SometimesFull(first)
    pacs.start()
    deliver(pacs.port)
    pacs.answer.has_room_again(for_it=0xC000)
    assert wait_for(spool, first, DeliveryStatus.DEAD).tries == 3
    assert pacs.answer.asked == [first] * 3


def test_a_series_does_not_pass_an_object_for_what_failed_while_nothing_was_stored(
    pacs, deliver, accept, spool
):
    first, second = (accept(number, series="1.2.1") for number in (1, 2))
    pacs.answer = SometimesFull(first)
    pacs.start()
    deliver(pacs.port, retry=Retry(first_delay=0.2, max_delay=0.2))
    pacs.answer.has_room_again(for_it=0xA700)
    of_another = accept(10, series="1.3.1")
    while first not in pacs.answer.asked or state(spool, first).tries == 0:
        wait_for(spool, of_another, DeliveryStatus.SENT)
        of_another = accept(10 + len(pacs.answer.asked), series="1.3.1")
    assert "but it stores others" in state(spool, first).detail
    pacs.answer.for_it = 0x0000
    assert pacs.wait_for([second])
    assert [uid for uid in pacs.arrived if uid in (first, second)] == [first, second]


def test_a_series_goes_on_at_once_when_the_second_of_two_that_failed_is_stored(
    pacs, deliver, accept, spool
):
    """The first is in doubt, and nothing shows it until it is tried again."""
    first, second, *others = (accept(number) for number in range(5))
    again = iter([0x0110])
    refused = refusing(first, 0x0110)

    asked = []

    def answer(event):
        asked.append(event.request.AffectedSOPInstanceUID)
        return refused(event) or (next(again, 0x0000) if asked[-1] == second else 0x0000)

    pacs.answer = answer
    pacs.start()
    deliver(pacs.port, retry=Retry(first_delay=0.8, max_delay=600))
    assert pacs.wait_for([second, *others])
    assert pacs.arrived == [second, *others]
    assert asked[: asked.index(others[0])].count(first) == 3


def test_an_object_for_which_alone_a_destination_has_no_resources_is_dead_in_the_end(
    pacs, deliver, accept, spool
):
    large = accept(0, series="1.3")
    pacs.answer = refusing(large, 0xA700)
    pacs.start()
    deliver(pacs.port)
    others = []
    while state(spool, large).status is not DeliveryStatus.DEAD:
        others.append(accept(len(others), series=f"1.2.{len(others)}"))
        assert pacs.wait_for(others)
        assert len(others) < 1000
    record = state(spool, large)
    assert record.tries >= 3
    assert record.detail.endswith("but it stores others")


def test_an_object_that_makes_the_destination_fall_over_lets_the_others_pass(
    pacs, deliver, accept, spool
):
    poison = accept(1)
    others = [accept(number) for number in range(2, 5)]

    def fall_over(event):
        if event.request.AffectedSOPInstanceUID == poison:
            event.assoc.abort()
        return 0x0000

    pacs.answer = fall_over
    pacs.start()
    deliver(pacs.port)
    assert pacs.wait_for(others)
    record = wait_for(spool, poison, DeliveryStatus.DEAD)
    assert "in the middle of an exchange" in record.detail


@pytest.fixture
def storescp(tmp_path):
    """DCMTK's storescp; it ends the association over a data set of odd length."""
    folder, port = tmp_path / "stored", free_port()
    folder.mkdir()
    server = subprocess.Popen(
        [program("storescp"), "--fork", "-aet", "PACS", "+xa", "-od", folder, str(port)],
        env=environment(),
    )
    wait_until(lambda: listens(port))
    yield port, folder
    server.kill()
    server.wait()


def odd_length(series):
    """An object whose last value has an odd length, as some writers make it."""
    return encoded(ct_object(0, study=series)) + b"\xe1\x7f\x10\x10OB\0\0\3\0\0\0abc"


def test_an_object_over_which_storescp_aborts_holds_up_its_own_series_alone(
    storescp, deliver, accept, spool
):
    port, folder = storescp
    bad = accept(0, data=odd_length("1.2.1"), series="1.2.1")
    behind = [accept(number, series="1.2.1") for number in range(1, 9)]
    others = [accept(number, series="1.2.2") for number in range(9, 13)]
    deliver(port, retry=Retry(first_delay=600, max_delay=600))
    for uid in others:
        wait_for(spool, uid, DeliveryStatus.SENT)
    assert len(list(folder.iterdir())) == len(others)
    record = state(spool, bad)
    assert (record.status, record.tries) == (DeliveryStatus.FAILED, 1)
    assert "in the middle of an exchange" in record.detail
    assert {(state(spool, uid).status, state(spool, uid).tries) for uid in behind} == {
        (DeliveryStatus.PENDING, 0)
    }


def test_a_destination_that_no_object_can_be_sent_to_is_not_the_fault_of_the_objects(
    deliver, accept, spool
):
    uids = [accept(number, series=f"1.2.{number}") for number in range(3)]
    with Sockets(max_pdu=6) as sockets:
        deliver(sockets.port)
        record = wait_for(spool, uids[0], DeliveryStatus.FAILED)
        time.sleep(0.3)
    assert record.detail.endswith("takes PDUs of 6 bytes, which hold no part of an object")
    assert [state(spool, uid).tries for uid in uids] == [0, 0, 0]


@pytest.fixture
def sockets():
    with Sockets() as running:
        yield running


def breaks_over(bad, asked):
    def during(arrival):
        asked.append(arrival.uid)
        return Misdeed.ABORT if arrival.uid in bad else None

    return during


def test_two_bad_objects_hold_up_the_good_ones_for_one_rest(sockets, deliver, accept, spool):
    uids = [accept(number, series=f"1.2.{number}") for number in range(20)]
    asked = []
    sockets.during = breaks_over(uids[:2], asked)
    deliver(sockets.port, retry=Retry(first_delay=0.5, max_delay=600))
    wait_for(spool, uids[-1], DeliveryStatus.SENT)
    assert asked[:3] == uids[:3]
    assert [uid for uid in asked if uid in uids[2:]] == uids[2:]


def test_bad_objects_that_are_due_again_do_not_come_one_after_the_other(
    sockets, deliver, accept, spool
):
    """A good one after each shows that the destination is well, so it is not let rest."""
    bad = [accept(number, series=f"1.2.{number}") for number in range(3)]
    asked = []
    go_on = threading.Event()

    def answer(arrival):
        return 0xC000 if arrival.uid in bad else go_on.wait(LONG) and 0x0000

    sockets.answer, sockets.during = answer, breaks_over((), asked)
    deliver(sockets.port, retry=Retry(first_delay=1.5, max_delay=600))
    due = max(wait_for(spool, uid, DeliveryStatus.FAILED).next_try_at for uid in bad)
    slow = accept(3, series="1.3")
    wait_until(lambda: asked == [*bad, slow])
    good = [accept(number, series=f"1.4.{number}") for number in range(3)]
    asked.clear()
    sockets.answer, sockets.during = lambda arrival: 0x0000, breaks_over(bad, asked)
    wait_until(lambda: time.time() > due)
    go_on.set()
    for uid in good:
        wait_for(spool, uid, DeliveryStatus.SENT)
    assert asked == [bad[0], good[0], bad[1], good[1], bad[2], good[2]]


def test_a_destination_that_breaks_over_every_object_is_let_rest_and_gets_each_in_turn(
    sockets, deliver, accept, spool
):
    uids = [accept(number, series=f"1.2.{number}") for number in range(6)]
    asked = []
    sockets.during = breaks_over(uids, asked)
    begun = time.monotonic()
    courier = deliver(sockets.port, retry=Retry(first_delay=0.1, max_delay=0.2, max_tries=99))
    wait_until(lambda: len(asked) >= 12)
    assert time.monotonic() - begun >= 10 * 0.1 * 0.8
    assert asked[:6] == uids
    assert sockets.associations <= len(asked) + 1
    wait_until(lambda: courier.state().next_try_at is not None)  # it tries now and then
    assert "aborted the association" in courier.state().failure


def test_a_single_bad_object_is_not_sent_again_without_a_pause(sockets, deliver, accept, spool):
    bad, asked = accept(), []
    sockets.during = breaks_over([bad], asked)
    deliver(sockets.port, retry=Retry(first_delay=0.2, max_delay=0.2, max_tries=4))
    begun = time.monotonic()
    wait_for(spool, bad, DeliveryStatus.DEAD)
    assert time.monotonic() - begun >= 3 * 0.2 * 0.8
    assert asked == [bad] * 4


def test_an_object_that_brings_the_destination_down_is_not_the_first_when_it_is_back(
    sockets, deliver, accept, spool
):
    bad, *good = uids = [accept(number, series=f"1.2.{number}") for number in range(4)]
    asked = []
    breaks = breaks_over([bad], asked)

    def during(arrival):
        sockets.rejects = True
        return breaks(arrival)

    sockets.during = during
    deliver(sockets.port, retry=Retry(first_delay=0.1, max_delay=0.1, max_tries=99))
    wait_for(spool, good[0], DeliveryStatus.FAILED)
    time.sleep(0.4)  # the bad object is due again, too
    assert asked == [bad]
    assert [state(spool, uid).tries for uid in uids] == [1, 0, 0, 0]
    asked.clear()
    sockets.during, sockets.rejects = breaks, False
    wait_for(spool, good[-1], DeliveryStatus.SENT)
    assert asked[0] == good[0]
    assert [uid for uid in asked if uid in good] == good


def test_an_object_that_is_answered_too_late_is_sent_again(pacs, deliver, accept, spool):
    """The destination may have it twice; nobody but the destination can tell."""
    first, sent_again = iter([True]), threading.Event()

    def answer_late_once(event):
        if next(first, False):
            sent_again.wait(LONG)
        sent_again.set()
        return 0x0000

    pacs.answer = answer_late_once
    pacs.start()
    uid = accept()
    deliver(pacs.port, timeouts=Timeouts(dimse=1.0))
    record = wait_for(spool, uid, DeliveryStatus.SENT)
    assert record.tries == 2
    assert pacs.wait(lambda pacs: len(pacs.objects[uid]) == 2)


def test_a_destination_that_ended_an_idle_association_has_not_failed(
    pacs, deliver, accept, spool, caplog
):
    pacs.start()
    deliver(pacs.port)
    wait_for(spool, accept(1), DeliveryStatus.SENT)
    for association in pacs._ae.active_associations:
        association.abort()
    assert wait_for(spool, accept(2), DeliveryStatus.SENT).tries == 1
    assert pacs.associations == 2
    assert not caplog.records


def test_an_object_is_sent_in_a_transfer_syntax_that_is_allowed(pacs, deliver, accept, spool):
    pacs.start()
    uid = accept()
    deliver(pacs.port, transfer_syntaxes=("ImplicitVRLittleEndian",))
    wait_for(spool, uid, DeliveryStatus.SENT)
    assert pacs.syntaxes == ["1.2.840.10008.1.2"]


def test_an_object_in_no_transfer_syntax_that_is_allowed_is_dead_and_says_so(
    pacs, deliver, accept, spool
):
    pacs.start()
    uid = accept()
    deliver(pacs.port, transfer_syntaxes=("JPEG Baseline (Process 1)",))
    assert wait_for(spool, uid, DeliveryStatus.DEAD).detail == (
        "it has no form in one of the transfer_syntaxes of destination pacs"
    )
    assert not pacs.associations


def test_the_recorder_gets_what_was_sent(pacs, deliver, accept, spool):
    pacs.start()
    uid = accept()
    deliver(pacs.port)
    wait_for(spool, uid, DeliveryStatus.SENT)
    [change] = spool.unrecorded(1, 0)
    assert b"".join(change.annotation.pieces) == pacs.objects[uid][0]


def test_a_refused_context_is_dead_in_the_end_and_holds_up_nothing(
    deliver, accept, spool, monkeypatch
):
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", False)
    monkeypatch.setattr(settings, "apply", lambda: None)
    with Pacs(contexts=[(str(CTImageStorage), EXPLICIT)]) as pacs:
        mr, ct = accept(1, sop_class=MRImageStorage), accept(2)
        deliver(pacs.port)
        assert pacs.wait_for([ct])
        record = wait_for(spool, mr, DeliveryStatus.DEAD)
    assert record.detail.endswith("it does not know the SOP class")


def test_damaged_data_is_dead_at_once(pacs, deliver, accept, spool, tmp_path):
    pacs.start()
    uid = accept()
    [data] = tmp_path.rglob("*.dcm")
    data.write_bytes(b"torn")
    deliver(pacs.port)
    assert "has 4 bytes" in wait_for(spool, uid, DeliveryStatus.DEAD).detail


def test_an_object_that_the_disk_does_not_give_back_holds_up_nothing(
    pacs, deliver, accept, spool, monkeypatch
):
    size = len(encoded(ct_object(1))) + 4096
    bad = accept(1, data=encoded(ct_object(1)) + bytes(4096))
    others = [accept(number) for number in range(2, 5)]
    sendfile = os.sendfile

    def failing(out, file, offset, count):
        if count > size:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return sendfile(out, file, offset, count)

    monkeypatch.setattr(os, "sendfile", failing)
    pacs.start()
    deliver(pacs.port)
    assert pacs.wait_for(others)
    record = wait_for(spool, bad, DeliveryStatus.DEAD)
    assert record.tries == 3
    assert record.detail.endswith(".dcm from byte 0 on: Input/output error")


def test_a_fault_of_ours_ends_neither_the_thread_nor_the_object(
    pacs, accept, spool, node, annotator
):
    class Faulty:
        calls = 0

        def annotate(self, *args):
            self.calls += 1
            if self.calls == 1:
                raise RuntimeError("a fault")
            return annotator.annotate(*args)

    faulty = Faulty()
    pacs.start()
    uid = accept()
    destination = Destination(
        name="pacs", ae_title="PACS", host="127.0.0.1", port=pacs.port,
        retry=Retry(first_delay=0.05, max_delay=0.1),
    )  # fmt: skip
    courier = Courier(destination, node, spool, lambda: faulty)
    courier.start()
    assert pacs.wait_for([uid])
    wait_for(spool, uid, DeliveryStatus.SENT)
    courier.stop(LONG)


def test_an_idle_association_is_released(pacs, deliver, accept, spool):
    pacs.start()
    uid = accept()
    deliver(pacs.port, idle_timeout=0.1)
    wait_for(spool, uid, DeliveryStatus.SENT)
    wait_until(lambda: not pacs._ae.active_associations)
    assert pacs.wait_for([accept()])
    assert pacs.associations == 2


def test_a_stopped_courier_ends_after_its_object_and_the_rest_stays(pacs, deliver, accept, spool):
    arrived, go_on = threading.Event(), threading.Event()

    def wait(event):
        arrived.set()
        go_on.wait(LONG)
        return 0x0000

    pacs.answer = wait
    pacs.start()
    first, second = accept(1), accept(2)
    courier = deliver(pacs.port)
    assert arrived.wait(LONG)
    assert not courier.resting
    courier.stop(0)
    go_on.set()
    wait_for(spool, first, DeliveryStatus.SENT)
    courier.stop(LONG)
    assert state(spool, second).status is DeliveryStatus.PENDING
    assert spool.due("pacs")


def test_a_stop_that_comes_just_before_the_next_object_is_taken_is_not_slept_over(
    pacs, deliver, accept, spool, monkeypatch
):
    taking, go_on = threading.Event(), threading.Event()
    take = spool.take

    def take_late(*arguments):
        taking.set()
        go_on.wait(LONG)
        return take(*arguments)

    monkeypatch.setattr(spool, "take", take_late)
    courier = deliver(pacs.port)
    assert taking.wait(LONG)
    courier.stop(0)
    uid = accept()
    go_on.set()
    courier.stop(LONG)
    assert not courier._thread.is_alive()
    assert (state(spool, uid).status, state(spool, uid).tries) == (DeliveryStatus.PENDING, 0)


def test_delays_double_up_to_their_limit():
    retry = Retry(first_delay=1.0, max_delay=300.0)
    for failures, longest in [(1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (5000, 300)]:
        delays = [backoff(retry, failures) for _ in range(50)]
        assert longest * 0.8 <= min(delays) <= max(delays) <= longest
        assert len(set(delays)) > 1


def test_a_delivery_taken_again_counts_on(pacs, accept, spool, deliver):
    uid = accept()
    delivery = spool.take("pacs", 0)
    spool.settle(
        delivery, replace(delivery.record, status=DeliveryStatus.FAILED, tries=2, next_try_at=0.0)
    )
    pacs.start()
    deliver(pacs.port)
    assert wait_for(spool, uid, DeliveryStatus.SENT).tries == 3
