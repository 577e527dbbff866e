"""C-FIND through the node: what a workstation gets, and what the upstream is asked."""

from __future__ import annotations

import itertools
import logging
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from atlas_node.dimse.transport.served_request import ServedRequest
from atlas_node.query import AttributeIndex, Indexed, IndexedKey, Level
from tests.fault.destination import Misdeed
from tests.ports import free_port
from tests.scanner import EXPLICIT, IMPLICIT
from tests.unit.dimse.relay.queries import (
    B_VALUE,
    CANCELLED,
    DOES_NOT_MATCH,
    FF01,
    MR_HEADER,
    NOT_AUTHORIZED,
    SOME_FAILED,
    SUCCESS,
    UNABLE,
    answers,
    decoded,
    encoded,
    keys,
    nested,
    pending,
    statuses,
    study,
    study_keys,
    uids,
    with_private,
)
from tests.upstream import PENDING, Asked, Pause, Reply, Upstream
from tests.waiting import LONG, wait_until
from tests.workstation import PATIENT_ROOT, STUDY_ROOT, WORKLIST, Workstation

MOSAIC = 0x0019100A


def in_an_item(tag: int, value: bytes) -> Dataset:
    """Return an identifier of a worklist with a private element of Siemens in its sequence."""
    item = Dataset()
    item.Modality = "MR"
    item.add_new(tag & 0xFFFF0000 | 0x0010, "LO", MR_HEADER)
    item.add_new(tag, "UN", value)
    ds = Dataset()
    ds.PatientName, ds.ScheduledProcedureStepSequence = "", [item]
    return ds


class TestOneUpstream:
    def test_responses_come_as_the_upstream_gives_them(self, run_node):
        replies = [pending(1), Reply(FF01, encoded(study(2))), Reply(SUCCESS)]
        with Upstream(answers(*replies)) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert statuses(found) == [PENDING, FF01, SUCCESS]
        assert [it.identifier for it in found] == [*(it.identifier for it in replies[:2]), b""]

    def test_the_request_goes_on_as_it_came(self, run_node):
        keys = encoded(study_keys(PatientName="A*", ModalitiesInStudy="MR"))
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                workstation.ask(keys, message_id=4711)
                [final] = workstation.responses()
        [asked] = upstream.requests
        assert asked.identifier == keys
        assert asked.command[0x0700] == struct.pack("<H", 2), "the priority"
        assert asked.command[0x0002].rstrip(b"\0").decode() == STUDY_ROOT
        assert final.command[0x0120] == struct.pack("<H", 4711), "message ID responded to"
        assert upstream.called == [("UPSTREAM", "ATLAS")]

    def test_one_association_serves_several_requests(self, run_node):
        with Upstream(answers(pending(1), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                for _ in range(3):
                    assert statuses(workstation.find(encoded(study_keys()))) == [PENDING, SUCCESS]
        assert len(upstream.proposed) == 1
        assert len(upstream.requests) == 3

    def test_requests_that_come_at_once_are_answered_one_after_the_other(self, run_node):
        with Upstream(answers(pending(1), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                workstation.ask(encoded(study_keys()), message_id=1)
                workstation.ask(encoded(study_keys()), message_id=2)
                found = [workstation.next_response() for _ in range(4)]
        assert [struct.unpack("<H", it.command[0x0120])[0] for it in found] == [1, 1, 2, 2]

    def test_no_response_is_lost_where_many_ask_at_once(self, run_node):
        callers, queries = 6, 60
        counts = itertools.cycle((0, 0, 1, 2, 40))
        given: list[int] = []

        def script(asked: Asked) -> Iterator[Reply]:
            given.append(next(counts))
            yield from (pending(number) for number in range(given[-1]))
            yield Reply(SUCCESS)

        def ask(number: int) -> list[int]:
            with Workstation(node.port) as workstation:
                workstation.sock.settimeout(10.0)
                return [len(workstation.find(encoded(study_keys()))) - 1 for _ in range(queries)]

        with Upstream(script) as upstream:
            node = run_node(upstream.entry())
            with ThreadPoolExecutor(callers) as pool:
                taken = list(itertools.chain.from_iterable(pool.map(ask, range(callers))))
        assert len(taken) == callers * queries
        assert sorted(taken) == sorted(given)

    def test_a_failure_passes_with_its_comment_and_offending_element(self, run_node):
        offending = (0x0901, "\x10\x00\x20\x00")
        refusal = Reply(0xA700, None, ((0x0902, "no more memory"), offending))
        with Upstream(answers(pending(1), refusal)) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert statuses(found) == [PENDING, 0xA700]
        assert found[-1].comment == "no more memory"
        assert found[-1].command[0x0901] == b"\x10\x00\x20\x00"

    def test_a_caller_with_implicit_vr_alone_gets_implicit_vr(self, run_node):
        with Upstream(answers(pending(1), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port, [(STUDY_ROOT, (IMPLICIT,))]) as workstation:
                found = workstation.find(encoded(study_keys(), IMPLICIT))
        assert found[0].identifier == encoded(study(1), IMPLICIT)
        assert upstream.requests[0].syntax == EXPLICIT
        assert upstream.requests[0].identifier == encoded(study_keys())

    def test_an_upstream_with_implicit_vr_alone_is_understood(self, run_node):
        reply = Reply(PENDING, encoded(study(1), IMPLICIT))
        with Upstream(answers(reply, Reply(SUCCESS))) as upstream:
            upstream.syntaxes = (IMPLICIT,)
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert found[0].identifier == encoded(study(1))

    def test_a_response_without_an_identifier_passes(self, run_node):
        with Upstream(answers(Reply(PENDING), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert statuses(found) == [PENDING, SUCCESS]

    def test_a_response_that_cannot_be_read_passes_unchanged(self, run_node):
        damaged = encoded(study(1))[:-3]
        with Upstream(answers(Reply(PENDING, damaged), pending(2), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert statuses(found) == [PENDING, PENDING, SUCCESS]
        assert found[0].identifier == damaged

    def test_one_that_cannot_be_encoded_for_the_caller_is_reported(self, run_node, caplog):
        damaged = b"\x08\x00\x05\x00XX\xff\xff" + encoded(study(1))
        with Upstream(answers(Reply(PENDING, damaged), pending(2), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with (
                caplog.at_level(logging.WARNING),
                Workstation(node.port, [(STUDY_ROOT, (IMPLICIT,))]) as workstation,
            ):
                found = workstation.find(encoded(study_keys(), IMPLICIT))
        assert statuses(found) == [PENDING, SOME_FAILED]
        assert found[-1].comment == "1 responses could not be passed on"
        assert "is not passed on" in caplog.text

    def test_a_plain_request_is_carried_over_for_the_upstream(self, run_node):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            upstream.syntaxes = (IMPLICIT,)
            node = run_node(upstream.entry())
            with Workstation(node.port, [(STUDY_ROOT, (EXPLICIT,))]) as workstation:
                workstation.find(encoded(study_keys(PatientName="A*")))
        [asked] = upstream.requests
        assert asked.identifier == encoded(study_keys(PatientName="A*"), IMPLICIT)

    def test_ten_thousand_responses_stream(self, run_node):
        replies = [pending(number) for number in range(100)]

        def script(asked: Asked):
            for _ in range(100):
                yield from replies
            yield Reply(SUCCESS)

        with Upstream(script) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                workstation.ask(encoded(study_keys()))
                count = sum(it.status == PENDING for it in workstation.responses())
        assert count == 10_000


class TestPrivateElements:
    @pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
    def test_a_response_has_the_vr_of_its_private_element(self, run_node, syntax):
        given = with_private(b"1000", StudyInstanceUID="1.2.1")
        reply = given if syntax == EXPLICIT else encoded(decoded(given), IMPLICIT)
        with Upstream(answers(Reply(PENDING, reply), Reply(SUCCESS))) as upstream:
            upstream.syntaxes = (syntax,)
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert found[0].identifier == with_private(b"1000", "IS", StudyInstanceUID="1.2.1")

    @pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
    @pytest.mark.parametrize(("value", "vr"), [(b"36", "UN"), (b"$\0", "US")])
    def test_what_may_be_the_text_of_a_binary_number_stays_as_it_is(
        self, run_node, value, vr, syntax
    ):
        ds = study(1)
        ds.add_new(0x00190010, "LO", MR_HEADER)
        ds.add_new(0x0019100A, "UN", value)
        reply = Reply(PENDING, encoded(ds, syntax))
        with Upstream(answers(reply, Reply(SUCCESS))) as upstream:
            upstream.syntaxes = (syntax,)
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        element = decoded(found[0].identifier).get_item(0x0019100A)
        assert (element.VR, element.value) == (vr, value)

    def test_the_policy_observe_changes_nothing(self, run_node):
        given = with_private(b"1000", StudyInstanceUID="1.2.1")
        with Upstream(answers(Reply(PENDING, given), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry(), annotate={"policy": "observe"})
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert found[0].identifier == given

    def test_the_policy_describe_adds_no_definitions_to_a_response(self, run_node):
        given = with_private(b"1000", StudyInstanceUID="1.2.1")
        with Upstream(answers(Reply(PENDING, given), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry(), annotate={"policy": "describe"})
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert found[0].identifier == with_private(b"1000", "IS", StudyInstanceUID="1.2.1")

    def test_a_key_goes_upstream_with_its_vr(self, run_node):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                assert statuses(workstation.find(with_private(b"1000"))) == [SUCCESS]
        assert upstream.requests[0].identifier == with_private(b"1000", "IS")

    def test_a_key_gets_its_creator_and_vr_where_the_dictionary_has_but_one(self, run_node):
        # (0021,xx7a) is an attribute of one creator alone, an IS.
        request = keys(StudyInstanceUID="")
        request.add_new(0x0021107A, "UN", b"2 ")
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                assert statuses(workstation.find(encoded(request))) == [SUCCESS]
        asked = decoded(upstream.requests[0].identifier)
        assert asked[0x00210010].value == "SIEMENS CT VA0  GEN"
        assert asked.get_item(0x0021107A).VR == "IS"

    def test_a_key_that_several_creators_have_goes_on_without_one(self, run_node):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                workstation.find(with_private(b"", creator=""))
        asked = decoded(upstream.requests[0].identifier)
        assert 0x00190010 not in asked
        assert asked.get_item(B_VALUE).VR == "UN"

    @pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
    @pytest.mark.parametrize("value", [b"10-20 ", b"36"], ids=["range", "number or its text"])
    def test_what_cannot_be_said_in_its_vr_is_left_out_and_that_is_said(
        self, run_node, value, syntax
    ):
        asked, found = self.ask_for_mosaic(run_node, "UN", value, syntax)
        assert statuses(found) == [FF01, SUCCESS]
        assert not asked.get_item(MOSAIC).value

    @pytest.mark.parametrize(("vr", "value"), [("US", b"36"), ("UN", b"$\0"), ("UN", b"36  ")])
    def test_a_binary_number_goes_upstream_where_it_is_no_guess(self, run_node, vr, value):
        asked, found = self.ask_for_mosaic(run_node, vr, value, EXPLICIT)
        assert statuses(found) == [PENDING, SUCCESS]
        assert asked.get_item(MOSAIC).value == (value if vr == "US" else b"$\0")

    @pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
    @pytest.mark.parametrize(
        ("value", "status", "asked"),
        [(b"36  ", PENDING, b"$\0"), (b"$\0", PENDING, b"$\0"), (b"30-40 ", FF01, b"")],
    )
    def test_a_key_in_an_item_of_a_sequence_goes_upstream_with_its_vr(
        self, run_node, value, status, asked, syntax
    ):
        request = in_an_item(MOSAIC, value)
        reply = Reply(PENDING, encoded(study_keys(), syntax))
        with Upstream(answers(reply, Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port, [(WORKLIST, (syntax,))]) as workstation:
                found = workstation.find(encoded(request, syntax), WORKLIST)
        [item] = decoded(upstream.requests[0].identifier).ScheduledProcedureStepSequence
        assert (item.get_item(MOSAIC).VR, item.get_item(MOSAIC).value or b"") == ("US", asked)
        assert statuses(found) == [status, SUCCESS]

    @pytest.mark.parametrize(("value", "vr"), [(b"36", "UN"), (b"$\0", "US")])
    def test_what_may_be_the_text_of_a_number_stays_as_it_is_in_an_item_too(
        self, run_node, value, vr
    ):
        reply = Reply(PENDING, encoded(in_an_item(MOSAIC, value)))
        with Upstream(answers(reply, Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port, [(WORKLIST, (EXPLICIT,))]) as workstation:
                found = workstation.find(encoded(in_an_item(MOSAIC, b"")), WORKLIST)
        [item] = decoded(found[0].identifier).ScheduledProcedureStepSequence
        assert (item.get_item(MOSAIC).VR, item.get_item(MOSAIC).value) == (vr, value)

    def ask_for_mosaic(self, run_node, vr, value, syntax):
        """Ask by (0019,xx0a) of Siemens, a US; return what came upstream, and the responses."""
        request = keys()
        request.add_new(0x00190010, "LO", MR_HEADER)
        request.add(RawDataElement(Tag(MOSAIC), vr, len(value), value, 0, False, True))
        request.StudyInstanceUID = ""
        response = Reply(PENDING, encoded(study(1), syntax))
        with Upstream(answers(response, Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port, [(STUDY_ROOT, (syntax,))]) as workstation:
                found = workstation.find(encoded(request, syntax))
        asked = decoded(upstream.requests[0].identifier, upstream.requests[0].syntax)
        if upstream.requests[0].syntax == EXPLICIT:
            assert asked.get_item(MOSAIC).VR == "US"
        return asked, found

    @pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
    @pytest.mark.parametrize("missing", [1, 3, 9, 14])
    def test_an_identifier_that_ends_too_early_is_refused(self, run_node, missing, syntax):
        request = encoded(study_keys(StudyInstanceUID="1.2.345"), syntax)
        with Upstream(answers(pending(1), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port, [(STUDY_ROOT, (syntax,))]) as workstation:
                [final] = workstation.find(request[:-missing])
        assert final.status == DOES_NOT_MATCH
        assert not upstream.requests

    @pytest.mark.parametrize(
        ("depth", "expected"), [(64, [SUCCESS]), (65, [DOES_NOT_MATCH]), (300, [DOES_NOT_MATCH])]
    )
    def test_an_identifier_that_is_nested_too_deep_is_refused(self, run_node, depth, expected):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(keys()) + nested(depth))
        assert statuses(found) == expected

    def test_an_identifier_that_cannot_be_read_is_refused(self, run_node):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                [final] = workstation.find(b"\x08\x00\x52\x00CS\xff")
        assert final.status == DOES_NOT_MATCH
        assert not upstream.requests


@pytest.fixture
def index(tmp_path):
    opened = AttributeIndex(f"sqlite:///{tmp_path / 'log.db'}")
    opened.record(
        Indexed((f"1.2.{number}", f"1.2.{number}.1", f"1.2.{number}.1.1"), {INDEXED: values})
        for number, values in enumerate((("IS", [0]), ("IS", [0, 1000]), ("IS", [1000])))
    )
    yield opened
    opened.close()


INDEXED = IndexedKey(MR_HEADER, "(0019,xx0c)", Level.IMAGE)


class TestIndex:
    def run(self, run_node, index, upstream):
        return run_node(upstream.entry(), index=index, keys=[INDEXED])

    def test_responses_are_filtered_and_completed(self, run_node, index):
        replies = [Reply(PENDING, encoded(study(number))) for number in range(4)]
        with Upstream(answers(*replies, Reply(SUCCESS))) as upstream:
            node = self.run(run_node, index, upstream)
            with Workstation(node.port) as workstation:
                found = workstation.find(with_private(b"1000"))
        assert statuses(found) == [PENDING, PENDING, SUCCESS]
        assert uids(found) == ["1.2.1", "1.2.2"]
        first = decoded(found[0].identifier)
        assert first.get_item(B_VALUE).VR == "IS"
        assert first[B_VALUE].value == [0, 1000]
        assert first[0x00190010].value == MR_HEADER

    def test_the_upstream_is_asked_for_what_matches_and_not_for_the_key(self, run_node, index):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = self.run(run_node, index, upstream)
            with Workstation(node.port) as workstation:
                workstation.find(with_private(b"1000"))
        asked = decoded(upstream.requests[0].identifier)
        assert B_VALUE not in asked and 0x00190010 not in asked
        assert asked.StudyInstanceUID == ["1.2.1", "1.2.2"]

    def test_nothing_is_asked_where_nothing_can_match(self, run_node, index):
        with Upstream(answers(pending(1), Reply(SUCCESS))) as upstream:
            node = self.run(run_node, index, upstream)
            with Workstation(node.port) as workstation:
                assert statuses(workstation.find(with_private(b"42"))) == [SUCCESS]
        assert not upstream.requests

    def test_that_the_upstream_is_down_is_told_where_nothing_can_match_too(self, run_node, index):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = self.run(run_node, index, upstream)
            with Workstation(node.port) as workstation:
                assert statuses(workstation.find(with_private(b"42"))) == [SUCCESS]
                upstream.stop()
                assert statuses(workstation.find(with_private(b"42"))) == [UNABLE]

    def test_one_of_two_that_is_down_is_a_warning_where_nothing_can_match(self, run_node, index):
        with Upstream(answers(Reply(SUCCESS))) as upstream, Upstream(answers()) as down:
            down.stop()
            node = run_node(upstream.entry("up"), down.entry("down"), index=index, keys=[INDEXED])
            with Workstation(node.port) as workstation:
                [final] = workstation.find(with_private(b"42"))
        assert final.status == SOME_FAILED
        assert final.comment.startswith("down: ")
        assert not upstream.requests

    def test_an_index_without_any_value_of_a_key_is_said(self, run_node, index):
        other = IndexedKey(MR_HEADER, "(0019,xx0d)", Level.IMAGE)
        request = with_private(b"NONE").replace(b"\x0c\x10UN", b"\x0d\x10UN")
        with Upstream(answers(pending(1), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry(), index=index, keys=[INDEXED, other])
            with Workstation(node.port) as workstation:
                [final] = workstation.find(request)
        assert (final.status, final.comment) == (
            SOME_FAILED, "nothing is indexed for (0019,xx0d)",
        )  # fmt: skip

    def test_a_key_at_patient_level_is_passed_on_as_not_matched(self, run_node, index):
        request = (
            with_private(b"1000")
            .replace(b"STUDY ", b"PATIENT ")
            .replace(b"CS\x06\x00", b"CS\x08\x00")
        )
        with Upstream(answers(pending(1), Reply(SUCCESS))) as upstream:
            node = self.run(run_node, index, upstream)
            with Workstation(node.port, [(PATIENT_ROOT, (EXPLICIT,))]) as workstation:
                found = workstation.find(request, PATIENT_ROOT)
        assert statuses(found) == [FF01, SUCCESS]

    def test_a_key_in_a_worklist_is_passed_on_as_not_matched(self, run_node, index):
        with Upstream(answers(pending(1), Reply(SUCCESS))) as upstream:
            node = self.run(run_node, index, upstream)
            with Workstation(node.port, [(WORKLIST, (EXPLICIT,))]) as workstation:
                found = workstation.find(with_private(b"1000"), WORKLIST)
        assert statuses(found) == [FF01, SUCCESS]
        [asked] = upstream.requests
        assert decoded(asked.identifier)[B_VALUE].value == 1000

    def test_what_the_upstream_has_under_another_creator_stays_its_own(self, run_node, index):
        theirs = with_private(b"x ", "SH", "GEMS_ACQU_01", StudyInstanceUID="1.2.1")
        with Upstream(answers(Reply(PENDING, theirs), Reply(SUCCESS))) as upstream:
            node = self.run(run_node, index, upstream)
            with Workstation(node.port) as workstation:
                found = workstation.find(with_private(b"1000"))
        first = decoded(found[0].identifier)
        assert (first[0x00190010].value, first[B_VALUE].value) == ("GEMS_ACQU_01", "x")
        assert (first[0x00190011].value, first[0x0019110C].value) == (MR_HEADER, [0, 1000])

    def test_an_empty_key_only_asks_for_the_value(self, run_node, index):
        replies = [pending(number) for number in (0, 7)]
        with Upstream(answers(*replies, Reply(SUCCESS))) as upstream:
            node = self.run(run_node, index, upstream)
            with Workstation(node.port, [(STUDY_ROOT, (IMPLICIT,))]) as workstation:
                request = encoded(decoded(with_private(b"", "IS")), IMPLICIT)
                found = workstation.find(request)
        values = [decoded(it.identifier, IMPLICIT).get_item(B_VALUE).value for it in found[:2]]
        assert values == [b"0 ", b""] or values == [b"0 ", None]

    def test_a_value_that_its_vr_does_not_allow_is_refused(self, run_node, index):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = self.run(run_node, index, upstream)
            with Workstation(node.port) as workstation:
                [final] = workstation.find(with_private(b"high"))
        assert final.status == DOES_NOT_MATCH
        assert "number" in final.comment

    def test_an_index_that_cannot_be_read_is_said(self, run_node, index, tmp_path):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = self.run(run_node, index, upstream)
            with Workstation(node.port) as workstation:
                index.close()
                (tmp_path / "log.db").write_bytes(b"no database")
                [final] = workstation.find(with_private(b"1000"))
        assert (final.status, final.comment) == (UNABLE, "the index cannot be read")


class TestSeveralUpstreams:
    def test_responses_are_merged_and_each_entity_comes_once(self, run_node):
        with (
            Upstream(answers(pending(1), pending(2), Reply(SUCCESS))) as first,
            Upstream(answers(pending(2), pending(3), Reply(SUCCESS))) as second,
        ):
            node = run_node(first.entry("first"), second.entry("second"))
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert sorted(uids(found)) == ["1.2.1", "1.2.2", "1.2.3"]
        assert found[-1].status == SUCCESS

    def test_one_upstream_may_say_the_same_twice(self, run_node):
        with Upstream(answers(pending(1), pending(1), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                assert len(workstation.find(encoded(study_keys()))) == 3

    def test_patients_are_told_apart_by_their_issuer_too(self, run_node):
        def patient(issuer: str) -> Reply:
            return Reply(PENDING, encoded(keys("PATIENT", PatientID="1", IssuerOfPatientID=issuer)))

        with (
            Upstream(answers(patient("A"), Reply(SUCCESS))) as first,
            Upstream(answers(patient("A"), patient("B"), Reply(SUCCESS))) as second,
        ):
            node = run_node(first.entry("first"), second.entry("second"))
            with Workstation(node.port, [(PATIENT_ROOT, (EXPLICIT,))]) as workstation:
                request = encoded(keys("PATIENT", PatientID=""))
                found = workstation.find(request, PATIENT_ROOT)
        assert len(found) == 3

    def test_one_that_fails_is_a_warning(self, run_node):
        failure = Reply(0xA700, None, ((0x0902, "no more memory"),))
        with (
            Upstream(answers(pending(1), Reply(SUCCESS))) as first,
            Upstream(answers(pending(2), failure)) as second,
        ):
            node = run_node(first.entry("first"), second.entry("second"))
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert len(uids(found)) == 2
        assert found[-1].status == SOME_FAILED
        assert found[-1].comment == "second: no more memory"

    def test_one_that_cannot_be_reached_is_a_warning(self, run_node):
        with Upstream(answers(pending(1), Reply(SUCCESS))) as first:
            gone = {**first.entry("gone"), "port": free_port()}
            node = run_node(first.entry("first"), gone)
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert statuses(found) == [PENDING, SOME_FAILED]
        assert found[-1].comment.startswith("gone: cannot connect")

    def test_where_all_fail_the_failure_of_the_first_is_passed(self, run_node):
        with (
            Upstream(answers(Pause(0.1), Reply(0xA700, None, ((0x0902, "one "),)))) as first,
            Upstream(answers(Reply(0xC000, None, ((0x0902, "two "),)))) as second,
        ):
            node = run_node(first.entry("first"), second.entry("second"))
            with Workstation(node.port) as workstation:
                [final] = workstation.find(encoded(study_keys()))
        assert (final.status, final.comment) == (0xA700, "one")

    def test_one_without_the_sop_class_is_left_out(self, run_node):
        with (
            Upstream(answers(pending(1), Reply(SUCCESS))) as first,
            Upstream(answers(Reply(SUCCESS))) as second,
        ):
            first.results = {WORKLIST: 3}
            second.results = {STUDY_ROOT: 3}
            node = run_node(first.entry("first"), second.entry("second"))
            contexts = [(STUDY_ROOT, (EXPLICIT,)), (WORKLIST, (EXPLICIT,))]
            with Workstation(node.port, contexts) as workstation:
                assert set(workstation.accepted) == {STUDY_ROOT, WORKLIST}
                assert statuses(workstation.find(encoded(study_keys()))) == [PENDING, SUCCESS]
                assert statuses(workstation.find(encoded(Dataset()), WORKLIST)) == [SUCCESS]
        assert len(first.requests) == len(second.requests) == 1

    def test_one_that_has_no_room_for_a_long_list_answers_the_next_query(self, run_node):
        many = [f"1.2.840.10008.1.2.3.4.5.6.{number}" for number in range(3000)]

        def script(asked: Asked) -> Iterator[Reply]:
            yield Reply(PENDING, encoded(study(1), asked.syntax))
            yield Reply(SUCCESS)

        with Upstream(script) as first, Upstream(answers(pending(2), Reply(SUCCESS))) as second:
            second.syntaxes = (EXPLICIT,)
            node = run_node(first.entry("first"), second.entry("second"))
            with Workstation(node.port, [(STUDY_ROOT, (IMPLICIT,))]) as workstation:
                long = workstation.find(encoded(study_keys(StudyInstanceUID=many), IMPLICIT))
                short = workstation.find(encoded(study_keys(), IMPLICIT))
        assert statuses(long) == [PENDING, SOME_FAILED]
        assert long[-1].comment.startswith("second: ")
        assert statuses(short) == [PENDING, PENDING, SUCCESS]
        assert [it.syntax for it in first.requests] == [IMPLICIT, IMPLICIT]
        assert [it.syntax for it in second.requests] == [EXPLICIT]

    def test_one_that_pours_does_not_hold_the_other_up(self, run_node):
        is_other_done = []

        def pouring(asked: Asked):
            number = 10
            while not is_other_done and number < 50_000:
                yield pending(number)
                number += 1
            yield Reply(SUCCESS)

        def other(asked: Asked):
            yield pending(1)
            yield Reply(SUCCESS)

        with Upstream(pouring) as first, Upstream(other) as second:
            node = run_node(first.entry("first"), second.entry("second"))
            with Workstation(node.port) as workstation:
                workstation.ask(encoded(study_keys()))
                for response in workstation.responses():
                    if uids([response]) == ["1.2.1"]:
                        is_other_done.append(True)
        assert is_other_done
        assert response.status == SUCCESS

    def test_a_slow_one_does_not_hold_the_other_up(self, run_node):
        is_other_through = threading.Event()

        def slow_script(asked: Asked):
            is_other_through.wait(LONG)
            yield Reply(SUCCESS)

        with (
            Upstream(slow_script) as slow,
            Upstream(answers(pending(1), Reply(SUCCESS))) as quick,
        ):
            node = run_node(slow.entry("slow"), quick.entry("quick"))
            with Workstation(node.port) as workstation:
                workstation.ask(encoded(study_keys()))
                assert workstation.next_response().status == PENDING
                is_other_through.set()
                assert statuses(workstation.responses()) == [SUCCESS]

    def test_one_that_has_gone_is_not_looked_at_while_the_other_is_waited_for(
        self, run_node, monkeypatch
    ):
        looks = []
        monkeypatch.setattr(ServedRequest, "is_gone", property(looks.append))
        with (
            Upstream(answers(pending(1), Misdeed.CLOSE)) as gone,
            Upstream(answers(Pause(0.5), Reply(SUCCESS))) as slow,
        ):
            node = run_node(gone.entry("gone"), slow.entry("slow"))
            with Workstation(node.port) as workstation:
                assert len(workstation.find(encoded(study_keys()))) == 2
        assert len(looks) < 20


class TestCancel:
    def endless(self, asked: Asked):
        for number in range(100_000):
            if asked.cancelled():
                yield Reply(CANCELLED)
                return
            yield pending(number)

    def test_it_is_passed_on_and_ends_the_query(self, run_node):
        with Upstream(self.endless) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                workstation.ask(encoded(study_keys()), message_id=9)
                workstation.next_response()
                workstation.cancel(9)
                found = list(workstation.responses())
                assert found[-1].status == CANCELLED
                upstream.script = answers(pending(1), Reply(SUCCESS))
                assert statuses(workstation.find(encoded(study_keys()))) == [PENDING, SUCCESS]
        assert len(upstream.proposed) == 1

    def test_the_upstream_hears_it_without_saying_anything_more(self, run_node):
        def script(asked: Asked):
            yield pending(0)
            wait_until(asked.cancelled)
            yield Reply(CANCELLED)

        with Upstream(script) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                workstation.ask(encoded(study_keys()))
                workstation.next_response()
                workstation.cancel()
                assert statuses(workstation.responses()) == [CANCELLED]

    def test_it_is_heard_while_responses_pour_in(self, run_node):
        cancelled_after = []

        def script(asked: Asked):
            number = 0
            while not asked.cancelled():
                # More than one read of a socket has, with nothing that stops the sender.
                yield from [pending(number)] * 50
                number += 50
            cancelled_after.append(number)
            yield Reply(CANCELLED)

        with Upstream(script) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                workstation.ask(encoded(study_keys()))
                workstation.next_response()
                workstation.cancel()
                assert [*workstation.responses()][-1].status == CANCELLED
        assert cancelled_after

    def test_one_of_another_request_is_none(self, run_node):
        with Upstream(answers(pending(1), Pause(0.3), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                workstation.ask(encoded(study_keys()), message_id=1)
                workstation.next_response()
                workstation.cancel(2)
                assert statuses(workstation.responses()) == [SUCCESS]

    def test_all_upstreams_are_told(self, run_node):
        with Upstream(self.endless) as first, Upstream(self.endless) as second:
            node = run_node(first.entry("first"), second.entry("second"))
            with Workstation(node.port) as workstation:
                workstation.ask(encoded(study_keys()))
                workstation.next_response()
                workstation.cancel()
                assert [*workstation.responses()][-1].status == CANCELLED

    def test_an_upstream_that_does_not_hear_it_is_left(self, run_node, monkeypatch):
        monkeypatch.setattr("atlas_node.dimse.relay.find._TO_CANCEL", 0.2)
        with Upstream(answers(pending(1), Misdeed.SILENCE)) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                workstation.ask(encoded(study_keys()))
                workstation.next_response()
                workstation.cancel()
                assert statuses(workstation.responses()) == [CANCELLED]
                upstream.script = answers(pending(1), Reply(SUCCESS))
                assert statuses(workstation.find(encoded(study_keys()))) == [PENDING, SUCCESS]


class TestFaults:
    def test_an_upstream_that_cannot_be_reached_is_named(self, run_node):
        node = run_node(
            {"name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": free_port()}
        )
        with Workstation(node.port) as workstation:
            [final] = workstation.find(encoded(study_keys()))
        assert final.status == UNABLE
        assert final.comment.startswith("archive: cannot connect: ")

    def test_an_upstream_that_rejects_us_says_why(self, run_node):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            upstream.rejects = True
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                [final] = workstation.find(encoded(study_keys()))
        assert final.status == UNABLE
        assert final.comment.startswith("archive: rejected the association")

    @pytest.mark.parametrize("misdeed", [Misdeed.ABORT, Misdeed.CLOSE, Misdeed.RESET])
    def test_one_that_dies_in_the_middle_is_a_failure(self, run_node, misdeed):
        is_first_through = threading.Event()

        def script(asked: Asked):
            yield pending(1)
            is_first_through.wait(LONG)
            yield misdeed

        with Upstream(script) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                workstation.ask(encoded(study_keys()))
                assert workstation.next_response().status == PENDING
                is_first_through.set()
                [final] = workstation.responses()
                assert final.status == UNABLE
                assert final.comment.startswith("archive: ")
                upstream.script = answers(pending(1), Reply(SUCCESS))
                assert statuses(workstation.find(encoded(study_keys()))) == [PENDING, SUCCESS]

    def test_one_that_falls_silent_is_a_failure_after_the_timeout(self, run_node):
        with Upstream(answers(pending(1), Misdeed.SILENCE)) as upstream:
            node = run_node(
                upstream.entry(),
                node={"timeouts": {"dimse": 2.0}},
            )
            with Workstation(node.port) as workstation:
                found = workstation.find(encoded(study_keys()))
        assert statuses(found) == [PENDING, UNABLE]
        assert found[-1].comment == "archive: said nothing for 2 s"

    def test_an_answer_that_is_none_ends_its_association_alone(self, run_node):
        no_status = Reply(SUCCESS, None, ((0x0100, 0x8030),))
        with Upstream(answers(no_status)) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                [final] = workstation.find(encoded(study_keys()))
        assert final.status == UNABLE
        assert final.comment == "archive: sent what is no answer: it is no C-FIND response"

    def test_an_upstream_that_has_closed_an_idle_association_is_called_again(self, run_node):
        with Upstream(answers(pending(1), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                assert len(workstation.find(encoded(study_keys()))) == 2
                upstream.script = answers(pending(1), Reply(SUCCESS), Misdeed.CLOSE)
                assert len(workstation.find(encoded(study_keys()))) == 2
                wait_until(lambda: upstream.ends)
                time.sleep(0.1)  # the node is told of it by the network
                assert len(workstation.find(encoded(study_keys()))) == 2
        assert len(upstream.proposed) == 2

    @pytest.mark.parametrize("end", ["abort", "close", "reset"])
    def test_a_caller_that_goes_away_ends_the_query(self, run_node, end):
        cancelled = []

        def script(asked: Asked):
            for number in range(100_000):
                if asked.cancelled():
                    cancelled.append(True)
                yield pending(number)

        with Upstream(script) as upstream:
            node = run_node(upstream.entry())
            workstation = Workstation(node.port).associate()
            workstation.ask(encoded(study_keys()))
            workstation.next_response()
            getattr(workstation, end)()
            wait_until(lambda: upstream.ends)

    def test_the_upstream_is_released_with_the_caller(self, run_node):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                workstation.find(encoded(study_keys()))
                workstation.release()
                wait_until(lambda: upstream.ends)
            assert upstream.ends == ["released"]

    def test_an_idle_association_with_the_upstream_is_released(self, run_node):
        with Upstream(answers(pending(1), Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry(), query={"idle_timeout": 0.2})
            with Workstation(node.port) as workstation:
                workstation.find(encoded(study_keys()))
                wait_until(lambda: upstream.ends)
                assert upstream.ends == ["released"]
                assert statuses(workstation.find(encoded(study_keys()))) == [PENDING, SUCCESS]

    def test_an_identifier_that_is_too_long_ends_the_association(self, run_node):
        long = Reply(PENDING, encoded(study(1)) + b"\0" * 5000)
        with Upstream(answers(long, Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry(), query={"max_identifier_bytes": 4096})
            with Workstation(node.port) as workstation:
                [final] = workstation.find(encoded(study_keys()))
        assert final.status == UNABLE
        assert final.comment == "archive: sent an identifier of more than 4096 bytes"


class TestAccess:
    ASKED = encoded(study_keys())

    def test_a_caller_without_the_service_is_refused_with_a_comment(self, run_node):
        peers = [{"ae_title": "WORKSTATION", "services": ["echo", "get"]}]
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry(), peers=peers)
            with Workstation(node.port) as workstation:
                [final] = workstation.find(self.ASKED)
        assert (final.status, final.comment) == (
            NOT_AUTHORIZED,
            "this AE may not ask for find here",
        )
        assert not upstream.proposed

    def test_routes_choose_the_upstream_by_caller(self, run_node):
        with (
            Upstream(answers(pending(1), Reply(SUCCESS))) as first,
            Upstream(answers(pending(2), Reply(SUCCESS))) as second,
        ):
            routes = [
                {"match": {"calling_ae": ["WS*"]}, "to": ["second"]},
                {"match": {"called_ae": ["ATLAS"]}, "to": ["first"]},
            ]
            node = run_node(first.entry("first"), second.entry("second"), query={"routes": routes})
            for calling, uid in ("WS1", "1.2.2"), ("OTHER", "1.2.1"):
                with Workstation(node.port, calling=calling) as workstation:
                    assert uids(workstation.find(self.ASKED)) == [uid]

    def test_a_caller_without_a_route_is_refused(self, run_node):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            routes = [{"match": {"calling_ae": ["OTHER"]}, "to": ["archive"]}]
            node = run_node(upstream.entry(), query={"routes": routes})
            with Workstation(node.port) as workstation:
                assert statuses(workstation.find(self.ASKED)) == [NOT_AUTHORIZED]

    def test_a_level_that_the_route_has_not_is_refused(self, run_node):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            routes = [{"to": ["archive"], "levels": ["study", "series"]}]
            node = run_node(upstream.entry(), query={"routes": routes})
            with Workstation(node.port) as workstation:
                [final] = workstation.find(encoded(keys("IMAGE", SOPInstanceUID="")))
                assert (final.status, final.comment) == (
                    DOES_NOT_MATCH,
                    "this AE may not ask at image level here",
                )
                assert statuses(workstation.find(self.ASKED)) == [SUCCESS]

    def test_a_request_without_a_level_is_refused(self, run_node):
        with Upstream(answers(Reply(SUCCESS))) as upstream:
            node = run_node(upstream.entry())
            with Workstation(node.port) as workstation:
                [final] = workstation.find(encoded(Dataset()))
        assert (final.status, final.comment) == (DOES_NOT_MATCH, "no such query/retrieve level")

    def test_a_node_without_upstreams_offers_no_queries(self, run_node):
        node = run_node()
        with Workstation(node.port) as workstation:
            assert workstation.results == {STUDY_ROOT: 3}
