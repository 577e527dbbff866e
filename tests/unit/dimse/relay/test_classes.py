"""Which SOP classes of query and retrieve are passed on, each of them as an upstream sees it."""

from __future__ import annotations

import pytest
from pydicom.uid import UID
from pynetdicom import sop_class

from atlas_node.dimse.relay.classes import service_of
from tests.scanner import EXPLICIT, IMPLICIT
from tests.unit.dimse.relay.queries import (
    B_VALUE,
    MR_HEADER,
    SUCCESS,
    answers,
    decoded,
    encoded,
    keys,
    with_private,
)
from tests.upstream import PENDING, Reply, Upstream
from tests.workstation import Workstation

BOTH = (EXPLICIT, IMPLICIT)
MODELS = (
    "PatientRootQueryRetrieveInformationModel",
    "StudyRootQueryRetrieveInformationModel",
    "PatientStudyOnlyQueryRetrieveInformationModel",
)
NON_PATIENT = (
    "ColorPaletteInformationModel",
    "DefinedProcedureProtocolInformationModel",
    "GenericImplantTemplateInformationModel",
    "HangingProtocolInformationModel",
    "ImplantAssemblyTemplateInformationModel",
    "ImplantTemplateGroupInformationModel",
    "ProtocolApprovalInformationModel",
    "Inventory",
)
FOUND = (
    *(f"{it}Find" for it in (*MODELS, *NON_PATIENT)),
    "ModalityWorklistInformationFind",
    "GeneralRelevantPatientInformationQuery",
    "BreastImagingRelevantPatientInformationQuery",
    "CardiacRelevantPatientInformationQuery",
    "ProductCharacteristicsQuery",
    "SubstanceApprovalQuery",
    "RepositoryQuery",
)
RETRIEVED = (
    *(f"{it}{verb}" for it in (*MODELS, *NON_PATIENT) for verb in ("Get", "Move")),
    "CompositeInstanceRootRetrieveGet",
    "CompositeInstanceRootRetrieveMove",
    "CompositeInstanceRetrieveWithoutBulkDataGet",
)
REFUSED = tuple(f"UnifiedProcedureStep{it}" for it in ("Push", "Pull", "Watch", "Event", "Query"))


def uid(keyword: str) -> str:
    return str(getattr(sop_class, keyword))


@pytest.fixture(scope="module")
def names():
    """Every SOP class of DICOM that pynetdicom has a keyword for."""
    groups = [it for it in vars(sop_class).values() if isinstance(it, dict)]
    return {str(value): str(key) for group in groups for key, value in group.items()}


def test_no_other_class_is_passed_on(names):
    passed_on = {name for value, name in names.items() if service_of(value) is not None}
    assert passed_on == {*FOUND, *RETRIEVED}


@pytest.mark.parametrize("keyword", FOUND)
def test_a_query_of_each_class_is_passed_on_and_its_answer_decoded(run_node, keyword):
    wanted = uid(keyword)
    query = keys(StudyInstanceUID="") if keyword.startswith(MODELS) else keys()
    with Upstream(answers(Reply(PENDING, with_private(b"1000")), Reply(SUCCESS))) as upstream:
        node = run_node(upstream.entry())
        with Workstation(node.port, [(wanted, BOTH)]) as workstation:
            response, final = workstation.find(encoded(query), wanted)
    [asked] = upstream.requests
    assert UID(asked.command[0x0002].decode().rstrip("\0")) == wanted
    assert asked.identifier == encoded(query), "not a byte of it has changed"
    found = decoded(response.identifier)
    assert (found[0x00190010].value, found[B_VALUE].VR) == (MR_HEADER, "IS")
    assert found[B_VALUE].value == 1000
    assert (response.status, final.status) == (PENDING, SUCCESS)


def test_every_retrieval_is_offered_that_the_upstream_offers(run_node):
    refused = uid("HangingProtocolInformationModelGet")
    with Upstream(answers()) as upstream:
        upstream.results = {refused: 3}
        node = run_node(upstream.entry())
        with Workstation(node.port, [(uid(it), BOTH) for it in RETRIEVED]) as workstation:
            results = workstation.results
    assert results == {uid(it): 3 if uid(it) == refused else 0 for it in RETRIEVED}


def test_unified_procedure_steps_are_refused(run_node):
    with Upstream(answers()) as upstream:
        node = run_node(upstream.entry())
        with Workstation(node.port, [(uid(it), BOTH) for it in REFUSED]) as workstation:
            assert workstation.results == {uid(it): 3 for it in REFUSED}
    assert not upstream.proposed
