"""C-MOVE: through the node to a destination of ours, or straight from the upstream."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian
from pynetdicom.sop_class import (
    HangingProtocolInformationModelGet as HangingProtocolGet,
)
from pynetdicom.sop_class import (
    HangingProtocolInformationModelMove as HangingProtocolMove,
)
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet as StudyRootGet,
)
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelMove as StudyRootMove,
)

from atlas_node.config import Destination, MoveDestination, QuerySettings, Upstream
from atlas_node.dimse.relay.move import Target, find_target
from atlas_node.model import Policy
from tests.fault.pacs import Pacs
from tests.ports import free_port
from tests.scanner import EXPLICIT, IMPLICIT
from tests.unit.dimse.relay.queries import encoded
from tests.unit.dimse.relay.retrievals import (
    ScriptedArchive,
    Workstation,
    await_cancel,
    await_end,
    hang_up,
    leave,
    objects,
    study_keys,
    vanish,
    vr_of_mosaic,
)
from tests.unit.dimse.relay.retrieving_node import RetrievingNode
from tests.upstream import Asked, Pause, Reply, Step
from tests.upstream import Upstream as SlowUpstream
from tests.waiting import LONG
from tests.workstation import C_FIND_RQ, STUDY_ROOT_MOVE
from tests.workstation import Workstation as BareWorkstation

C_MOVE_RQ = 0x0021


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def pacs(stack) -> Pacs:
    return stack.enter_context(Pacs(ae_title="PACS"))


@pytest.fixture
def archive(stack, pacs) -> ScriptedArchive:
    archive = ScriptedArchive(objects(5), classes=(StudyRootGet, StudyRootMove))
    archive.known["PACS_THERE"] = ("127.0.0.1", pacs.port)
    return stack.enter_context(archive)


@pytest.fixture
def node(stack, archive, pacs, tmp_path) -> RetrievingNode:
    return stack.enter_context(
        RetrievingNode(
            tmp_path,
            [archive.upstream],
            [Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=pacs.port)],
            move_destinations=(MoveDestination(name="FAR", ae_title="PACS_THERE"),),
        )
    )


def vrs(pacs: Pacs) -> set[str]:
    return {vr_of_mosaic(data) for versions in pacs.objects.values() for data in versions}


class TestThroughTheNode:
    def test_objects_arrive_with_the_vr_of_their_private_elements(self, node, pacs, archive):
        outcome = Workstation(node.port).move(study_keys(), "PACS")
        assert (outcome.status, outcome.counts) == (0x0000, (5, 0, 0))
        assert vrs(pacs) == {"US"}
        assert sorted(pacs.objects) == sorted(it.SOPInstanceUID for it in archive.objects)
        assert archive.destinations == []

    def test_the_caller_is_told_how_far_it_is(self, node):
        outcome = Workstation(node.port).move(study_keys(), "PACS")
        pending = [it for it in outcome.responses if it.Status == 0xFF00]
        assert [it.NumberOfCompletedSuboperations for it in pending] == [1, 2, 3, 4, 5]
        assert [it.NumberOfRemainingSuboperations for it in pending] == [4, 3, 2, 1, 0]

    def test_the_destination_is_told_who_asked(self, node, pacs):
        said = []
        pacs.answer = lambda event: (
            said.append(
                (
                    event.request.MoveOriginatorApplicationEntityTitle,
                    event.request.MoveOriginatorMessageID,
                )
            )
            or 0x0000
        )
        Workstation(node.port, ae_title="STATION").move(study_keys(), "PACS")
        assert said == [("STATION", 7)] * 5

    def test_what_was_moved_is_left_for_the_log(self, node):
        Workstation(node.port).move(study_keys(), "PACS")
        assert node.logged_objects() == 5

    def test_a_destination_that_refuses_an_object_is_counted_and_the_object_named(
        self, node, pacs, archive
    ):
        refused = archive.objects[1].SOPInstanceUID
        pacs.answer = lambda event: (
            0xC000 if event.request.AffectedSOPInstanceUID == refused else 0x0000
        )
        outcome = Workstation(node.port).move(study_keys(), "PACS")
        assert (outcome.status, outcome.counts, outcome.failed) == (0xB000, (4, 1, 0), [refused])

    def test_a_destination_that_refuses_all_is_named_with_all_objects(self, node, pacs, archive):
        pacs.answer = lambda event: 0xA700
        outcome = Workstation(node.port).move(study_keys(), "PACS")
        assert (outcome.status, outcome.counts) == (0xA702, (0, 5, 0))
        assert sorted(outcome.failed) == sorted(it.SOPInstanceUID for it in archive.objects)

    def test_a_destination_that_takes_no_such_objects(self, stack, archive, tmp_path):
        port = free_port()
        deaf = stack.enter_context(Pacs(port, maximum_associations=10))
        del deaf
        picky = Destination(
            name="pacs", ae_title="PACS", host="127.0.0.1", port=port,
            transfer_syntaxes=("JPEG2000Lossless",),
        )  # fmt: skip
        node = stack.enter_context(RetrievingNode(tmp_path, [archive.upstream], [picky]))
        outcome = Workstation(node.port).move(study_keys(), "PACS")
        assert (outcome.status, outcome.counts) == (0xA702, (0, 5, 0))

    def test_a_destination_that_is_down_ends_the_retrieval(self, stack, archive, tmp_path):
        down = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=free_port())
        node = stack.enter_context(RetrievingNode(tmp_path, [archive.upstream], [down]))
        outcome = Workstation(node.port).move(study_keys(), "PACS")
        assert (outcome.status, outcome.counts) == (0xA702, (0, 5, 0))
        assert outcome.comment.startswith("PACS at 127.0.0.1:")
        assert archive.cancelled.is_set()

    def test_an_upstream_that_dies_in_the_middle_leaves_true_counts(self, node, archive, pacs):
        archive.before[3] = hang_up
        outcome = Workstation(node.port).move(study_keys(), "PACS")
        assert (outcome.status, outcome.counts) == (0xC001, (3, 2, 0))
        assert len(pacs.arrived) == 3

    def test_a_policy_of_the_destination_is_kept(self, stack, archive, pacs, tmp_path):
        plain = MoveDestination(
            name="PLAIN", ae_title="PACS", host="127.0.0.1", port=pacs.port, policy=Policy.OBSERVE
        )
        node = stack.enter_context(
            RetrievingNode(tmp_path, [archive.upstream], move_destinations=(plain,))
        )
        outcome = Workstation(node.port).move(study_keys(), "PLAIN")
        assert outcome.counts == (5, 0, 0)
        assert vrs(pacs) == {"UN"}

    def test_a_destination_that_takes_implicit_vr_alone(self, stack, archive, tmp_path):
        port = free_port()
        archive_two = stack.enter_context(
            Pacs(port, contexts=[(CTImageStorage, ImplicitVRLittleEndian)])
        )
        destination = Destination(
            name="pacs", ae_title="PACS", host="127.0.0.1", port=port,
            transfer_syntaxes=("ImplicitVRLittleEndian",),
        )  # fmt: skip
        node = stack.enter_context(RetrievingNode(tmp_path, [archive.upstream], [destination]))
        assert Workstation(node.port).move(study_keys(), "PACS").counts == (5, 0, 0)
        assert set(archive_two.syntaxes) == {ImplicitVRLittleEndian}

    def test_a_cancel_reaches_the_upstream_and_fe00_comes_back(self, node, archive, pacs):
        station = Workstation(node.port)
        station.pending = lambda assoc, status: (
            assoc.send_c_cancel(7, 1) if status.NumberOfCompletedSuboperations == 1 else None
        )
        archive.before = dict.fromkeys(range(1, 5), await_cancel)
        outcome = station.move(study_keys(), "PACS")
        assert outcome.status == 0xFE00
        assert archive.cancelled.is_set()
        assert outcome.counts == (len(pacs.arrived), 0, 0)
        assert 0 < len(pacs.arrived) < 5

    def test_a_cancel_is_heard_while_the_upstream_is_asked_what_there_is(
        self, stack, pacs, tmp_path, monkeypatch
    ):
        monkeypatch.setattr("atlas_node.dimse.relay.content._PATIENCE", 2 * LONG)
        is_asked, is_over = threading.Event(), threading.Event()

        def script(asked: Asked) -> Iterator[Step]:
            if asked.command[0x0100] == struct.pack("<H", C_FIND_RQ):
                is_asked.set()
                is_over.wait(LONG)
            while not asked.cancelled():
                yield Pause(0.02)
            yield Reply(0xFE00)

        upstream = stack.enter_context(SlowUpstream(script))
        entry = Upstream.model_validate(upstream.entry())
        there = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=pacs.port)
        node = stack.enter_context(RetrievingNode(tmp_path, [entry], [there]))
        with BareWorkstation(node.port, [(STUDY_ROOT_MOVE, (EXPLICIT, IMPLICIT))]) as workstation:
            to_pacs = ((0x0600, "PACS"),)
            workstation.ask(encoded(study_keys()), STUDY_ROOT_MOVE, 1, C_MOVE_RQ, to_pacs)
            assert is_asked.wait(LONG)
            workstation.cancel(1, STUDY_ROOT_MOVE)
            assert workstation.next_response().status == 0xFE00
            is_over.set()

    @pytest.mark.parametrize("go", [leave, vanish])
    def test_a_caller_that_goes_away_ends_the_retrieval(self, node, archive, pacs, go):
        station = Workstation(node.port)
        station.pending = go
        archive.before = dict.fromkeys(range(1, 5), await_end)
        station.move(study_keys(), "PACS")
        assert node.ended.wait(LONG)
        assert node.answers == [None]
        assert len(pacs.arrived) < 5


class TestStraight:
    def test_the_upstream_sends_by_itself_to_the_name_that_it_knows(self, node, archive, pacs):
        outcome = Workstation(node.port).move(study_keys(), "FAR")
        assert (outcome.status, outcome.counts) == (0x0000, (5, 0, 0))
        assert archive.destinations == ["PACS_THERE"]
        assert vrs(pacs) == {"UN"}
        assert node.logged_objects() == 0

    def test_the_upstream_that_does_not_know_the_destination_says_so(
        self, stack, archive, tmp_path
    ):
        node = stack.enter_context(RetrievingNode(tmp_path, [archive.upstream], move="straight"))
        outcome = Workstation(node.port).move(study_keys(), "NOBODY")
        assert outcome.status == 0xA801
        assert archive.destinations == ["NOBODY"]

    def test_an_upstream_without_c_get_sends_by_itself(self, stack, pacs, tmp_path, caplog):
        archive = ScriptedArchive(objects(3), classes=(StudyRootMove,))
        archive.known["PACS"] = ("127.0.0.1", pacs.port)
        stack.enter_context(archive)
        destination = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=pacs.port)
        node = stack.enter_context(RetrievingNode(tmp_path, [archive.upstream], [destination]))
        outcome = Workstation(node.port).move(study_keys(), "PACS")
        assert (outcome.status, outcome.counts) == (0x0000, (3, 0, 0))
        assert archive.destinations == ["PACS"]
        assert "goes straight, not annotated" in caplog.text

    def test_an_instance_that_two_upstreams_have_comes_from_both(
        self, stack, archive, pacs, tmp_path
    ):
        other = ScriptedArchive(archive.objects[:2], classes=(StudyRootMove,))
        other.known = archive.known
        stack.enter_context(other)
        upstreams = [archive.upstream, other.upstream]
        node = stack.enter_context(RetrievingNode(tmp_path, upstreams, move="straight"))
        outcome = Workstation(node.port).move(study_keys(), "PACS_THERE")
        assert (outcome.status, outcome.counts) == (0x0000, (7, 0, 0))
        assert len(pacs.arrived) == 7, "the counts are those of what has been sent"
        assert len(pacs.objects) == 5

    def test_what_is_no_image_is_sent_straight_to_a_destination_of_ours_too(
        self, stack, pacs, tmp_path, caplog
    ):
        archive = ScriptedArchive(objects(1), classes=(HangingProtocolMove, HangingProtocolGet))
        archive.known["PACS"] = ("127.0.0.1", pacs.port)
        stack.enter_context(archive)
        destination = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=pacs.port)
        node = stack.enter_context(
            RetrievingNode(tmp_path, [archive.upstream], [destination], more=(HangingProtocolMove,))
        )
        outcome = Workstation(node.port).move(study_keys(), "PACS", HangingProtocolMove)
        assert (outcome.status, outcome.counts) == (0x0000, (1, 0, 0))
        assert archive.destinations == ["PACS"]
        assert "goes straight, not annotated" in caplog.text

    def test_failures_that_the_upstream_counts_are_passed_on(self, node, archive, pacs):
        pacs.answer = lambda event: 0xA700
        outcome = Workstation(node.port).move(study_keys(), "FAR")
        assert (outcome.status, outcome.counts) == (0xA702, (0, 5, 0))
        assert sorted(outcome.failed) == sorted(it.SOPInstanceUID for it in archive.objects)

    def test_a_cancel_is_passed_on(self, node, archive):
        station = Workstation(node.port)
        station.pending = lambda assoc, status: (
            assoc.send_c_cancel(7, 1) if status.NumberOfCompletedSuboperations == 1 else None
        )
        archive.before = dict.fromkeys(range(1, 5), await_cancel)
        assert station.move(study_keys(), "FAR").status == 0xFE00
        assert archive.cancelled.is_set()


def test_a_destination_that_nobody_knows_is_refused(node, archive):
    outcome = Workstation(node.port).move(study_keys(), "NOBODY")
    assert outcome.status == 0xA801
    assert "NOBODY" in outcome.comment
    assert archive.asked == []


class TestFindTarget:
    PACS = Destination(name="pacs", ae_title="PACS", host="192.0.2.1", port=104)
    FAR = MoveDestination(name="FAR", ae_title="FAR_THERE")
    NEAR = MoveDestination(name="NEAR", host="192.0.2.2")

    def find(self, name: str, **settings) -> Target | None:
        query = QuerySettings(move_destinations=(self.FAR, self.NEAR), **settings)
        return find_target(name, query, [self.PACS])

    def test_a_destination_of_objects_counts_by_its_ae_title(self):
        assert self.find("PACS") == Target("PACS", self.PACS)

    def test_a_name_is_mapped_and_goes_straight_where_no_host_is_known(self):
        assert self.find("FAR") == Target("FAR_THERE", None)

    def test_a_host_is_sent_to_by_the_node(self):
        assert self.find("NEAR") == Target("NEAR", self.NEAR)

    def test_straight_maps_names_and_leaves_the_rest_to_the_upstream(self):
        assert self.find("PACS", move="straight") == Target("PACS", None)
        assert self.find("NEAR", move="straight") == Target("NEAR", None)
        assert self.find("OTHER", move="straight") == Target("OTHER", None)

    def test_nobody_else_gets_anything_through_the_node(self):
        assert self.find("OTHER") is None
