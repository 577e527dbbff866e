"""C-GET through the node: what the caller gets, and what it is told when something goes wrong."""

from __future__ import annotations

import io
import time
from contextlib import ExitStack

import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    CTImageStorage,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    MRImageStorage,
)

from atlas_node.config import Limits, Timeouts, Tls, Upstream
from tests.certificates import certificate
from tests.ports import free_port
from tests.unit.dimse.relay.retrievals import (
    STUDY,
    ScriptedArchive,
    Workstation,
    abort,
    await_cancel,
    await_end,
    fall_silent,
    hang_up,
    leave,
    objects,
    study_keys,
    vanish,
    vr_of_mosaic,
)
from tests.unit.dimse.relay.retrieving_node import RetrievingNode
from tests.waiting import LONG

MOSAIC = 0x0019100A


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def archive(stack) -> ScriptedArchive:
    return stack.enter_context(ScriptedArchive(objects(5)))


@pytest.fixture
def node(stack, archive, tmp_path) -> RetrievingNode:
    return stack.enter_context(RetrievingNode(tmp_path, [archive.upstream]))


def read(received: tuple[str, bytes]) -> Dataset:
    syntax, data = received
    return read_dataset(io.BytesIO(data), syntax == ImplicitVRLittleEndian, True)


def test_objects_come_with_the_vr_of_their_private_elements(node, archive):
    outcome = Workstation(node.port).get(study_keys())
    assert (outcome.status, outcome.counts) == (0x0000, (5, 0, 0))
    received = [read(it) for it in outcome.objects]
    assert [it.SOPInstanceUID for it in received] == [it.SOPInstanceUID for it in archive.objects]
    assert [vr_of_mosaic(data) for _, data in outcome.objects] == ["US"] * 5
    assert [it[MOSAIC].value for it in received] == [0, 1, 2, 3, 4]
    assert archive.asked[0].StudyInstanceUID == STUDY
    assert archive.answered == [0x0000] * 5


def test_the_caller_is_told_how_far_it_is(node):
    outcome = Workstation(node.port).get(study_keys())
    pending = [it for it in outcome.responses if it.Status == 0xFF00]
    assert [it.NumberOfCompletedSuboperations for it in pending] == [1, 2, 3, 4, 5]
    assert [it.NumberOfRemainingSuboperations for it in pending] == [4, 3, 2, 1, 0]
    assert "NumberOfRemainingSuboperations" not in outcome.responses[-1]


def test_a_caller_without_explicit_vr_gets_implicit(node):
    outcome = Workstation(node.port, syntaxes=[ImplicitVRLittleEndian]).get(study_keys())
    assert outcome.counts == (5, 0, 0)
    assert {syntax for syntax, _ in outcome.objects} == {ImplicitVRLittleEndian}
    assert read(outcome.objects[0]).PatientID == "PATIENT-0"


def test_the_next_object_comes_while_the_caller_has_not_answered(node, archive):
    station = Workstation(node.port)
    came = []

    def store(event) -> int:
        give_up = time.monotonic() + LONG
        while not archive.answered[len(came) :] and time.monotonic() < give_up:
            time.sleep(0.005)
        came.append(len(archive.answered))
        return 0x0000

    station.store = store
    assert station.get(study_keys()).counts == (5, 0, 0)
    assert all(answered > number for number, answered in enumerate(came)), came


def test_a_slow_caller_holds_no_more_than_two_objects_up(node, archive):
    station = Workstation(node.port)
    ahead = []

    def store(event) -> int:
        time.sleep(0.15)
        ahead.append(len(archive.answered) - len(ahead))
        return 0x0000

    station.store = store
    assert station.get(study_keys()).counts == (5, 0, 0)
    assert max(ahead) <= 2, "one on its way, and one that waits"


def test_what_was_retrieved_is_left_for_the_log(node):
    Workstation(node.port).get(study_keys())
    assert node.logged_objects() == 5


def test_an_object_that_the_caller_refuses_is_counted_named_and_not_logged(node, archive):
    station = Workstation(node.port)
    refused = archive.objects[2].SOPInstanceUID
    station.store = lambda event: (
        0xA700 if event.request.AffectedSOPInstanceUID == refused else 0x0000
    )
    outcome = station.get(study_keys())
    assert (outcome.status, outcome.counts, outcome.failed) == (0xB000, (4, 1, 0), [refused])
    assert archive.answered == [0x0000] * 5, "that they came to the node"
    assert node.logged_objects() == 4
    assert node.files() == 4


def test_a_warning_of_the_caller_is_a_warning(node, archive):
    station = Workstation(node.port)
    station.store = lambda event: 0xB007
    outcome = station.get(study_keys())
    assert (outcome.status, outcome.counts) == (0xB000, (0, 0, 5))


def test_what_the_caller_has_no_context_for_is_not_sent_and_counted(stack, tmp_path):
    mixed = objects(3)
    mixed[1].SOPClassUID = MRImageStorage
    archive = stack.enter_context(ScriptedArchive(mixed))
    node = stack.enter_context(RetrievingNode(tmp_path, [archive.upstream]))
    outcome = Workstation(node.port).get(study_keys())
    assert (outcome.status, outcome.counts) == (0xB000, (2, 1, 0))
    assert outcome.failed == [mixed[1].SOPInstanceUID]


def test_the_upstream_is_proposed_compressed_objects_where_the_caller_takes_them(node):
    outcome = Workstation(node.port, syntaxes=[JPEGLosslessSV1]).get(study_keys())
    # The archive has only explicit VR, and says so of each object.
    assert outcome.counts == (0, 5, 0)


def test_two_contexts_of_one_class_are_both_used(node):
    station = Workstation(node.port, classes=(CTImageStorage, MRImageStorage))
    assert station.get(study_keys()).counts == (5, 0, 0)


def test_a_failure_of_the_upstream_comes_through_with_its_comment(node, archive):
    archive.final = Dataset()
    archive.final.Status = 0xA701
    archive.final.ErrorComment = "the index is locked"
    outcome = Workstation(node.port).get(study_keys())
    assert (outcome.status, outcome.comment) == (0xA701, "the index is locked")


@pytest.mark.parametrize("end", [hang_up, abort])
def test_an_upstream_that_dies_in_the_middle_leaves_true_counts(node, archive, end):
    archive.before[2] = end
    outcome = Workstation(node.port).get(study_keys())
    assert outcome.status == 0xC001
    assert "ARCHIVE" in outcome.comment
    assert outcome.counts == (2, 3, 0)
    assert len(outcome.objects) == 2


class TestPatience:
    """An upstream may be slow, but not silent for longer than the timeout."""

    TIMEOUTS = Timeouts(dimse=4)

    @pytest.fixture
    def node(self, stack, archive, tmp_path) -> RetrievingNode:
        node = RetrievingNode(tmp_path, [archive.upstream], patience=self.TIMEOUTS)
        return stack.enter_context(node)

    def test_one_that_falls_silent_is_given_up(self, node, archive):
        archive.before[1] = fall_silent
        outcome = Workstation(node.port).get(study_keys())
        assert outcome.status == 0xC001
        assert "said nothing for 4 s" in outcome.comment
        assert outcome.counts == (1, 4, 0)

    def test_one_that_is_slow_but_alive_is_waited_for(self, node, archive):
        archive.before = dict.fromkeys(range(5), lambda archive, event: time.sleep(1.0))
        assert Workstation(node.port).get(study_keys()).counts == (5, 0, 0)

    def test_one_that_waited_for_a_slow_caller_is_not_taken_for_silent(self, node, archive):
        station = Workstation(node.port)
        station.store = lambda event: time.sleep(1.0) or 0x0000
        assert station.get(study_keys()).counts == (5, 0, 0)


def test_an_upstream_that_cannot_be_reached_is_named(stack, tmp_path):
    down = Upstream(name="down", ae_title="DOWN", host="127.0.0.1", port=free_port())
    node = stack.enter_context(RetrievingNode(tmp_path, [down]))
    outcome = Workstation(node.port).get(study_keys())
    assert outcome.status == 0xC001
    assert outcome.comment.startswith("DOWN at 127.0.0.1:")


def test_an_upstream_without_c_get_is_named(stack, tmp_path):
    archive = stack.enter_context(ScriptedArchive([], classes=["1.2.840.10008.1.1"]))
    node = stack.enter_context(RetrievingNode(tmp_path, [archive.upstream]))
    outcome = Workstation(node.port).get(study_keys())
    assert outcome.status == 0xC001
    assert "ARCHIVE" in outcome.comment


def test_objects_of_two_upstreams_are_added_up(stack, tmp_path):
    archives = [stack.enter_context(ScriptedArchive(objects(count))) for count in (2, 3)]
    node = stack.enter_context(RetrievingNode(tmp_path, [it.upstream for it in archives]))
    outcome = Workstation(node.port).get(study_keys())
    assert (outcome.status, outcome.counts) == (0x0000, (5, 0, 0))


def test_an_instance_that_two_upstreams_have_comes_and_counts_once(stack, tmp_path):
    both = objects(4)
    archives = [stack.enter_context(ScriptedArchive(it)) for it in (both[:3], both)]
    node = stack.enter_context(RetrievingNode(tmp_path, [it.upstream for it in archives]))
    outcome = Workstation(node.port).get(study_keys())
    assert (outcome.status, outcome.counts) == (0x0000, (4, 0, 0))
    uids = [str(read(it).SOPInstanceUID) for it in outcome.objects]
    assert sorted(uids) == sorted(it.SOPInstanceUID for it in both)
    assert archives[1].answered == [0x0000] * 4
    assert node.logged_objects() == 4


def test_what_the_caller_refused_of_one_upstream_is_tried_from_the_next(stack, tmp_path):
    both = objects(2)
    archives = [stack.enter_context(ScriptedArchive(both)) for _ in range(2)]
    node = stack.enter_context(RetrievingNode(tmp_path, [it.upstream for it in archives]))
    station = Workstation(node.port)
    statuses = iter([0xA700, 0x0000, 0x0000])
    station.store = lambda event: next(statuses)
    outcome = station.get(study_keys())
    assert (outcome.status, outcome.counts) == (0x0000, (2, 0, 0))
    assert outcome.failed == []


def test_an_upstream_that_is_down_beside_another_is_a_warning(stack, archive, tmp_path):
    down = Upstream(name="down", ae_title="DOWN", host="127.0.0.1", port=free_port())
    node = stack.enter_context(RetrievingNode(tmp_path, [down, archive.upstream]))
    outcome = Workstation(node.port).get(study_keys())
    assert (outcome.status, outcome.counts) == (0xB000, (5, 0, 0))
    assert outcome.comment.startswith("DOWN at 127.0.0.1:")


def test_a_cancel_reaches_the_upstream_and_fe00_comes_back(node, archive):
    station = Workstation(node.port)
    station.pending = lambda assoc, status: (
        assoc.send_c_cancel(7, _get_context(assoc))
        if status.NumberOfCompletedSuboperations == 1
        else None
    )
    archive.before = dict.fromkeys(range(1, 5), await_cancel)
    outcome = station.get(study_keys())
    assert outcome.status == 0xFE00
    assert archive.cancelled.is_set()
    completed, failed, warning = outcome.counts
    assert 0 < completed < 5
    assert (failed, warning) == (0, 0)
    assert completed == len(outcome.objects)


@pytest.mark.parametrize("go", [leave, vanish])
def test_a_caller_that_goes_away_ends_the_retrieval_upstream(node, archive, go):
    station = Workstation(node.port)
    station.pending = go
    archive.before = dict.fromkeys(range(1, 5), await_end)
    station.get(study_keys())
    assert archive.released.wait(LONG)
    assert node.ended.wait(LONG)
    assert node.answers == [None]
    assert len(archive.answered) < 5


def test_a_node_that_stops_ends_the_retrieval(node, archive):
    station = Workstation(node.port)
    station.pending = lambda assoc, status: node.abort_all()
    archive.before = dict.fromkeys(range(1, 5), await_end)
    station.get(study_keys())
    assert archive.released.wait(LONG)
    assert node.ended.wait(LONG)
    assert node.answers == [None]


def test_a_caller_on_tls_gets_everything(stack, tmp_path):
    archive = stack.enter_context(ScriptedArchive([*map(big, objects(10))]))
    certificate_, key = certificate(tmp_path, "node")
    listening = Tls(certificate=certificate_, key=key, verify_peer=False)
    node = stack.enter_context(RetrievingNode(tmp_path, [archive.upstream], tls=listening))
    outcome = Workstation(node.port, tls=Tls(ca=certificate_)).get(study_keys())
    assert (outcome.status, outcome.counts) == (0x0000, (10, 0, 0))
    assert min(len(data) for _, data in outcome.objects) > 1_000_000


def big(ds: Dataset) -> Dataset:
    ds.PixelData = bytes(1_000_000)
    return ds


def test_the_next_request_on_the_association_is_served(node):
    for _ in range(2):
        assert Workstation(node.port).get(study_keys()).counts == (5, 0, 0)


def test_a_full_spool_refuses_objects_and_says_so(stack, archive, tmp_path):
    limits = Limits(min_free_bytes=1, max_object_bytes=1000)
    node = stack.enter_context(RetrievingNode(tmp_path, [archive.upstream], limits=limits))
    outcome = Workstation(node.port).get(study_keys())
    assert (outcome.status, outcome.counts) == (0xA702, (0, 5, 0))
    assert archive.answered == [0xA700] * 5
    assert node.files() == 0


def _get_context(assoc) -> int:
    return next(
        it.context_id for it in assoc.accepted_contexts if it.abstract_syntax.endswith("2.2.3")
    )
