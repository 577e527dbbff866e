from dataclasses import replace

import pytest

from atlas_node.annotate import LAST_GROUP
from atlas_node.config import Config
from atlas_node.model import Identity, Policy
from atlas_node.route import Router
from atlas_node.spool import NO_ROUTE, Recipient

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
IDENTITY = Identity(
    modality="MR",
    manufacturer="SIEMENS Healthineers",
    private_creators=("SIEMENS MR HEADER", "SIEMENS CSA HEADER"),
)


def router(*routes: dict, policy: str = "decode") -> Router:
    destinations = [
        {"name": "pacs", "ae_title": "PACS", "host": "192.0.2.1", "port": 104},
        {
            "name": "research",
            "ae_title": "RESEARCH",
            "host": "192.0.2.2",
            "port": 104,
            "policy": "describe",
        },
    ]
    return Router(
        Config.model_validate(
            {"destinations": destinations, "routes": routes, "annotate": {"policy": policy}}
        )
    )


def names(recipients: tuple[Recipient, ...]) -> list[str]:
    return [recipient.destination for recipient in recipients]


def test_a_route_without_a_match_takes_every_object(envelope):
    assert names(router({"to": ["pacs"]}).recipients(envelope, Identity())) == ["pacs"]


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        ({"calling_ae": "SCANNER1"}, True),
        ({"calling_ae": "scanner*"}, True),
        ({"calling_ae": "SCANNER"}, False),
        ({"calling_ae": ["CT*", "SCANNER?"]}, True),
        ({"called_ae": "ATLAS"}, True),
        ({"called_ae": "OTHER"}, False),
        ({"modality": "[CM][TR]"}, True),
        ({"modality": "CT"}, False),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.2"}, True),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.2.*"}, False),
        ({"private_creator": "siemens csa*"}, True),
        ({"private_creator": "GEMS*"}, False),
        ({"manufacturer": "*siemens*"}, True),
        ({"manufacturer": "siemens"}, False),
        ({"modality": "MR", "calling_ae": "SCANNER1"}, True),
        ({"modality": "MR", "calling_ae": "CT1"}, False),
    ],
)
def test_all_that_is_given_must_match(envelope, match, taken):
    recipients = router({"match": match, "to": ["pacs"]}).recipients(envelope, IDENTITY)
    assert names(recipients) == (["pacs"] if taken else [NO_ROUTE])


def test_an_object_takes_the_union_of_its_routes_each_destination_once(envelope):
    routes = (
        {"match": {"modality": "MR"}, "to": ["research", "pacs"]},
        {"to": ["pacs"]},
        {"match": {"modality": "CT"}, "to": ["research"]},
    )
    assert names(router(*routes).recipients(envelope, IDENTITY)) == ["research", "pacs"]


def test_a_destination_has_its_own_policy_or_the_common_one(envelope):
    recipients = router({"to": ["pacs", "research"]}, policy="observe").recipients(
        envelope, Identity()
    )
    assert [it.policy for it in recipients] == [Policy.OBSERVE, Policy.DESCRIBE]


def test_a_route_to_the_log_delivers_nowhere(envelope):
    assert router({"to": ["log"]}).recipients(envelope, Identity()) == ()
    both = router({"to": ["log"]}, {"to": ["pacs"]})
    assert names(both.recipients(envelope, Identity())) == ["pacs"]


@pytest.mark.parametrize("routes", [(), ({"match": {"calling_ae": "OTHER"}, "to": ["pacs"]},)])
def test_an_object_that_no_route_matches_is_a_dead_delivery_that_says_so(envelope, routes):
    [recipient] = router(*routes).recipients(envelope, Identity())
    assert recipient.destination == NO_ROUTE
    assert recipient.refusal == "no route matches the object"


@pytest.mark.parametrize(
    ("match", "last_group"),
    [
        ({"calling_ae": "X", "sop_class": "1*"}, None),
        ({"modality": "MR"}, 0x0008),
        ({"modality": "MR", "private_creator": "X"}, LAST_GROUP),
    ],
)
def test_an_object_is_only_looked_into_as_far_as_a_route_asks(match, last_group):
    asking = router({"match": {"calling_ae": "Y"}, "to": ["log"]}, {"match": match, "to": ["pacs"]})
    assert asking.last_group == last_group


def test_an_absent_modality_matches_no_pattern_but_the_one_for_anything(envelope):
    nothing = replace(IDENTITY, modality="", private_creators=())
    for match, taken in (
        ({"modality": "MR"}, False),
        ({"modality": "*"}, True),
        ({"private_creator": "*"}, False),
    ):
        recipients = router({"match": match, "to": ["pacs"]}).recipients(envelope, nothing)
        assert (names(recipients) == ["pacs"]) is taken


@pytest.mark.parametrize(
    ("calling_ae", "sop_class", "archives"),
    [
        ("MR1", MR, ("pacs",)),
        ("CT1", CT, ("pacs", "second")),
        ("CT1", MR, ("pacs",)),
        ("QA", CT, ()),
    ],
)
def test_archives_are_the_destinations_that_commit_and_that_a_route_may_lead_to(
    calling_ae, sop_class, archives
):
    routes = Router(
        Config.model_validate(
            {
                "destinations": [
                    {"name": "pacs", "ae_title": "A", "host": "a", "port": 1, "commitment": True},
                    {"name": "second", "ae_title": "B", "host": "b", "port": 1, "commitment": True},
                    {"name": "research", "ae_title": "C", "host": "c", "port": 1},
                ],
                "routes": [
                    # The modality is unknown when a scanner asks: it may have matched.
                    {"match": {"calling_ae": ["MR*", "CT*"], "modality": "MR"}, "to": ["pacs"]},
                    {"match": {"calling_ae": "CT1", "sop_class": CT}, "to": ["second", "research"]},
                    {"to": ["research"]},
                ],
            }
        )
    )
    assert routes.commits
    assert routes.archives(calling_ae, "ATLAS", sop_class) == archives


def test_without_a_route_to_an_archive_that_commits_nothing_is_offered():
    archive = {"name": "pacs", "ae_title": "A", "host": "a", "port": 1, "commitment": True}
    assert not Router(Config.model_validate({"destinations": [archive]})).commits
