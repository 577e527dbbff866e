"""What a caller may ask for on an association is what the upstreams behind it offer."""

from __future__ import annotations

import pytest

from tests.ports import free_port
from tests.scanner import CT_IMAGE_STORAGE, EXPLICIT, IMPLICIT, VERIFICATION
from tests.unit.dimse.relay.queries import (
    NOT_SUPPORTED,
    SUCCESS,
    answers,
    decoded,
    encoded,
    keys,
    pending,
    statuses,
    study_keys,
)
from tests.upstream import PENDING, Reply, Upstream
from tests.workstation import PATIENT_ROOT, STUDY_ROOT, STUDY_ROOT_MOVE, WORKLIST, Workstation

BIG_ENDIAN = "1.2.840.10008.1.2.2"
HANGING_PROTOCOL = "1.2.840.10008.5.1.4.38.2"
UPS_PULL = "1.2.840.10008.5.1.4.34.6.3"
BOTH = (EXPLICIT, IMPLICIT)
C_MOVE_RQ = 0x0021


@pytest.fixture
def upstream():
    with Upstream(answers(pending(1), Reply(SUCCESS))) as running:
        yield running


def test_the_upstream_is_proposed_what_the_caller_proposes(run_node, upstream):
    node = run_node(upstream.entry())
    classes = [STUDY_ROOT, WORKLIST, HANGING_PROTOCOL, STUDY_ROOT_MOVE]
    with Workstation(node.port, [(it, (IMPLICIT,)) for it in classes]) as workstation:
        assert list(workstation.accepted) == classes
    [proposed] = upstream.proposed
    assert proposed == {**{it: list(BOTH) for it in classes}, "extended": {}}


def test_an_association_without_queries_opens_none_upstream(run_node, upstream):
    node = run_node(upstream.entry())
    contexts = [(VERIFICATION, BOTH), (CT_IMAGE_STORAGE, BOTH)]
    with Workstation(node.port, contexts) as workstation:
        assert workstation.echo() == SUCCESS
    assert not upstream.proposed


@pytest.mark.parametrize("result", [1, 2, 3])
def test_a_class_that_the_upstream_refuses_is_refused_with_its_result(run_node, upstream, result):
    upstream.results = {PATIENT_ROOT: result}
    node = run_node(upstream.entry())
    with Workstation(node.port, [(STUDY_ROOT, BOTH), (PATIENT_ROOT, BOTH)]) as workstation:
        assert workstation.results == {STUDY_ROOT: 0, PATIENT_ROOT: result}


def test_an_upstream_that_refuses_all_is_asked_once(run_node, upstream):
    upstream.results = {STUDY_ROOT: 3, PATIENT_ROOT: 1}
    node = run_node(upstream.entry())
    with Workstation(node.port, [(STUDY_ROOT, BOTH), (PATIENT_ROOT, BOTH)]) as workstation:
        assert workstation.results == {STUDY_ROOT: 3, PATIENT_ROOT: 1}


def test_what_one_of_several_upstreams_offers_is_offered(run_node, upstream):
    with Upstream(answers(Reply(SUCCESS))) as second:
        upstream.results = {STUDY_ROOT: 1, WORKLIST: 3}
        second.results = {STUDY_ROOT: 3, PATIENT_ROOT: 3}
        node = run_node(upstream.entry("first"), second.entry("second"))
        contexts = [(it, BOTH) for it in (STUDY_ROOT, PATIENT_ROOT, WORKLIST)]
        with Workstation(node.port, contexts) as workstation:
            assert workstation.results == {STUDY_ROOT: 1, PATIENT_ROOT: 0, WORKLIST: 0}


@pytest.mark.parametrize(
    ("proposed", "accepted"),
    [(BOTH, EXPLICIT), ((IMPLICIT, EXPLICIT), EXPLICIT), ((IMPLICIT,), IMPLICIT)],
)
def test_the_caller_gets_explicit_vr_where_it_can(run_node, upstream, proposed, accepted):
    node = run_node(upstream.entry())
    with Workstation(node.port, [(STUDY_ROOT, proposed)]) as workstation:
        assert workstation.accepted[STUDY_ROOT][1] == accepted


def test_big_endian_alone_is_refused(run_node, upstream):
    node = run_node(upstream.entry())
    with Workstation(node.port, [(STUDY_ROOT, (BIG_ENDIAN,))]) as workstation:
        assert workstation.results == {STUDY_ROOT: 4}


def test_extended_negotiation_is_passed_on_and_answered_as_the_upstream_does(run_node, upstream):
    upstream.extended = {STUDY_ROOT: b"\1\0\1"}
    node = run_node(upstream.entry())
    proposal = {STUDY_ROOT: b"\1\1\1", CT_IMAGE_STORAGE: b"\2\0\3\0"}
    contexts = [(STUDY_ROOT, BOTH), (CT_IMAGE_STORAGE, BOTH)]
    with Workstation(node.port, contexts, extended=proposal) as workstation:
        assert workstation.extended == {STUDY_ROOT: b"\1\0\1"}
    assert upstream.proposed[0]["extended"] == {STUDY_ROOT: b"\1\1\1"}


def test_an_upstream_that_does_not_answer_extended_negotiation_has_none(run_node, upstream):
    node = run_node(upstream.entry())
    with Workstation(node.port, extended={STUDY_ROOT: b"\1\1\1"}) as workstation:
        assert workstation.extended == {}


def test_of_several_upstreams_what_all_of_them_support_is_answered(run_node, upstream):
    with Upstream(answers(Reply(SUCCESS))) as second, Upstream(answers(Reply(SUCCESS))) as third:
        upstream.extended = {STUDY_ROOT: b"\1\0\1"}
        second.extended = {STUDY_ROOT: b"\1\1"}
        third.results = {STUDY_ROOT: 3}
        node = run_node(upstream.entry("first"), second.entry("second"), third.entry("third"))
        with Workstation(node.port, extended={STUDY_ROOT: b"\1\1\1"}) as workstation:
            assert workstation.extended == {STUDY_ROOT: b"\1\0"}


def test_a_retrieval_is_negotiated_as_the_caller_asked(run_node, upstream):
    upstream.extended = {STUDY_ROOT_MOVE: b"\1"}
    node = run_node(upstream.entry(), query={"move": "straight"})
    contexts = [(STUDY_ROOT_MOVE, BOTH)]
    with Workstation(node.port, contexts, extended={STUDY_ROOT_MOVE: b"\1"}) as workstation:
        destination = ((0x0600, "VIEWER"),)
        request = encoded(keys("IMAGE", SOPInstanceUID="1.2.3"))
        workstation.ask(request, STUDY_ROOT_MOVE, field=C_MOVE_RQ, more=destination)
        assert statuses(workstation.responses())[-1] == SUCCESS
    # That of the caller's association, and that of the retrieval.
    assert [it["extended"] for it in upstream.proposed] == [{STUDY_ROOT_MOVE: b"\1"}] * 2


@pytest.mark.parametrize(
    ("count", "syntax"), [(200, EXPLICIT), (2000, IMPLICIT)], ids=["short list", "long list"]
)
def test_a_list_of_uids_that_explicit_vr_has_no_room_for_goes_on_in_implicit_vr(
    run_node, upstream, count, syntax
):
    node = run_node(upstream.entry())
    uids = [f"1.2.840.113619.2.55.3.{10**20 + number}" for number in range(count)]
    query = keys(StudyInstanceUID=uids)
    with Workstation(node.port, [(STUDY_ROOT, (IMPLICIT,))]) as workstation:
        found = workstation.find(encoded(query, IMPLICIT))
    assert statuses(found) == [PENDING, SUCCESS]
    [asked] = upstream.requests
    assert asked.syntax == syntax
    assert decoded(asked.identifier, syntax).StudyInstanceUID == uids


def test_an_upstream_that_is_down_is_tried_again(run_node, monkeypatch):
    monkeypatch.setattr("atlas_node.dimse.relay.upstream._DOWN_FOR", 0.0)
    port = free_port()
    entry = {"name": "archive", "ae_title": "UPSTREAM", "host": "127.0.0.1", "port": port}
    node = run_node(entry)
    with Workstation(node.port) as workstation:
        assert workstation.results == {STUDY_ROOT: 0}
        with Upstream(answers(pending(1), Reply(SUCCESS)), port):
            assert statuses(workstation.find(encoded(study_keys()))) == [PENDING, SUCCESS]


def test_a_class_that_turns_out_to_be_refused_is_answered_so(run_node, monkeypatch):
    monkeypatch.setattr("atlas_node.dimse.relay.upstream._DOWN_FOR", 0.0)
    port = free_port()
    entry = {"name": "archive", "ae_title": "UPSTREAM", "host": "127.0.0.1", "port": port}
    node = run_node(entry)
    with (
        Workstation(node.port, [(STUDY_ROOT, BOTH), (PATIENT_ROOT, BOTH)]) as workstation,
        Upstream(answers(Reply(SUCCESS)), port) as upstream,
    ):
        upstream.results = {STUDY_ROOT: 3}
        [final] = workstation.find(encoded(study_keys()))
    assert final.status == NOT_SUPPORTED
    assert final.comment.startswith("archive: does not offer Study Root")


def test_an_association_over_the_limit_opens_none_upstream(run_node, upstream):
    node = run_node(upstream.entry(), node={"max_associations": 1})
    with Workstation(node.port, [(VERIFICATION, BOTH)]):
        second = Workstation(node.port)
        with pytest.raises(Exception, match="rejected"):
            second.associate()
    assert not upstream.proposed


def test_classes_with_more_services_than_find_are_not_passed_on(run_node, upstream):
    node = run_node(upstream.entry())
    with Workstation(node.port, [(UPS_PULL, BOTH)]) as workstation:
        assert workstation.results == {UPS_PULL: 3}


def test_a_find_request_in_a_context_for_moves_is_refused(run_node, upstream):
    node = run_node(upstream.entry())
    with Workstation(node.port, [(STUDY_ROOT_MOVE, BOTH)]) as workstation:
        [final] = workstation.find(encoded(study_keys()), STUDY_ROOT_MOVE)
    assert (final.status, final.comment) == (0x0211, "not a request of this SOP class")


def test_a_request_that_goes_wrong_within_the_node_is_answered(run_node, upstream, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("atlas_node.dimse.relay.service.level_of", fail)
    node = run_node(upstream.entry())
    with Workstation(node.port) as workstation:
        [final] = workstation.find(encoded(study_keys()))
    assert (final.status, final.comment) == (0x0110, "internal error")
