"""Who may ask which upstream for what: callers, upstreams, services and levels, all with all.

Of the upstreams `near` and `far` a station asks `near` for studies and series, and moves nothing.
A reader asks both for everything, but its entry in `peers` gives it no C-GET. A stranger has no
route.
"""

from __future__ import annotations

import pytest

from tests.scanner import EXPLICIT
from tests.unit.dimse.relay.queries import (
    DOES_NOT_MATCH,
    NOT_AUTHORIZED,
    SUCCESS,
    answers,
    encoded,
    keys,
)
from tests.upstream import Reply, Upstream
from tests.workstation import C_FIND_RQ, PATIENT_ROOT, Workstation

ROUTES = [
    {
        "match": {"calling_ae": ["STATION*"]},
        "to": ["near"],
        "services": ["find", "get"],
        "levels": ["study", "series"],
    },
    {"match": {"calling_ae": ["READER"]}, "to": ["near", "far"]},
]
PEERS = [
    {"ae_title": "STATION1"},
    {"ae_title": "READER", "services": ["find", "move"]},
    {"ae_title": "STRANGER"},
]
SERVICES = {
    "find": (PATIENT_ROOT, C_FIND_RQ),
    "move": (PATIENT_ROOT[:-1] + "2", 0x0021),
    "get": (PATIENT_ROOT[:-1] + "3", 0x0010),
}
LEVELS = ("PATIENT", "STUDY", "SERIES", "IMAGE")
NEAR, BOTH, NOBODY = ["near"], ["near", "far"], []
AS_ROUTED = [
    (DOES_NOT_MATCH, NOBODY, "this AE may not ask at patient level here"),
    (SUCCESS, NEAR, ""),
    (SUCCESS, NEAR, ""),
    (DOES_NOT_MATCH, NOBODY, "this AE may not ask at image level here"),
]
EVERYTHING = [(SUCCESS, BOTH, "")] * len(LEVELS)


def refused(service: str) -> list[tuple[int, list[str], str]]:
    return [(NOT_AUTHORIZED, NOBODY, f"this AE may not ask for {service} here")] * len(LEVELS)


@pytest.mark.parametrize(
    ("caller", "service", "expected"),
    [
        ("STATION1", "find", AS_ROUTED),
        ("STATION1", "get", AS_ROUTED),
        ("STATION1", "move", refused("move")),
        ("READER", "find", EVERYTHING),
        ("READER", "get", refused("get")),
        ("READER", "move", EVERYTHING),
        ("STRANGER", "find", refused("find")),
        ("STRANGER", "get", refused("get")),
        ("STRANGER", "move", refused("move")),
    ],
)
def test_access(run_node, caller, service, expected):
    sop_class, field = SERVICES[service]
    destination = ((0x0600, "PACS"),) if service == "move" else ()
    upstreams = {name: Upstream(answers(Reply(SUCCESS))) for name in BOTH}
    with upstreams["near"], upstreams["far"]:
        node = run_node(
            *(it.entry(name) for name, it in upstreams.items()),
            peers=PEERS,
            query={"routes": ROUTES, "move": "straight"},
        )
        found = []
        with Workstation(node.port, [(sop_class, (EXPLICIT,))], calling=caller) as workstation:
            for level in LEVELS:
                before = {name: len(it.requests) for name, it in upstreams.items()}
                query = encoded(keys(level, PatientID="P1"))
                workstation.ask(query, sop_class, field=field, more=destination)
                response = workstation.next_response()
                asked = [name for name, it in upstreams.items() if len(it.requests) > before[name]]
                found.append((response.status, asked, response.comment))
    assert found == expected


def test_who_is_not_among_the_peers_gets_no_association(run_node):
    with Upstream(answers(Reply(SUCCESS))) as upstream:
        node = run_node(upstream.entry(), peers=PEERS)
        with pytest.raises(Exception, match="rejected"):
            Workstation(node.port, calling="UNKNOWN").associate()
    assert not upstream.proposed
