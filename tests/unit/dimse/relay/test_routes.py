"""Which caller may ask which upstream for what."""

from __future__ import annotations

import pytest

from atlas_node.config import Asker, Config, QueryRoute, QuerySettings, Upstream
from atlas_node.dimse.relay.routes import NotRoutedError, QueryRoutes
from atlas_node.dimse.transport.services import Requestor

UPSTREAMS = tuple(
    Upstream(name=name, ae_title=name.upper(), host="192.0.2.1", port=104)
    for name in ("one", "two")
)


def routes(*given: QueryRoute) -> QueryRoutes:
    return QueryRoutes(Config(upstreams=UPSTREAMS, query=QuerySettings(routes=given)))


def requestor(calling: str = "STATION", called: str = "ATLAS") -> Requestor:
    return Requestor(calling, called, "192.0.2.9")


def names(router: QueryRoutes, asker: Requestor, service="get", level="study") -> list[str]:
    return [it.name for it in router.upstreams(asker, service, level)]


def refused(router: QueryRoutes, asker: Requestor, service="get", level="study") -> int:
    with pytest.raises(NotRoutedError) as raised:
        router.upstreams(asker, service, level)
    return raised.value.status


def test_without_routes_everybody_asks_all_upstreams():
    assert names(routes(), requestor()) == ["one", "two"]
    assert routes().services(requestor()) == {"find", "get", "move"}


def test_without_upstreams_there_is_nothing_to_ask_for():
    router = QueryRoutes(Config())
    assert not router.services(requestor())
    assert refused(router, requestor()) == 0x0124


def test_the_first_route_that_matches_counts():
    router = routes(
        QueryRoute(match=Asker(calling_ae=("STA*",)), to=("two",)),
        QueryRoute(to=("one",)),
    )
    assert names(router, requestor("STATION")) == ["two"]
    assert names(router, requestor("OTHER")) == ["one"]


def test_a_route_may_look_at_what_was_called():
    router = routes(QueryRoute(match=Asker(called_ae=("ATLAS_TWO",)), to=("two",)))
    assert names(router, requestor(called="atlas_two")) == ["two"]
    assert refused(router, requestor(called="ATLAS")) == 0x0124


def test_a_service_that_a_route_does_not_give_is_not_authorized():
    router = routes(QueryRoute(to=("one",), services=frozenset({"find"})))
    assert router.services(requestor()) == {"find"}
    assert refused(router, requestor(), "move") == 0x0124
    assert names(router, requestor(), "find") == ["one"]


def test_a_level_that_a_route_does_not_give_does_not_match():
    router = routes(QueryRoute(to=("one",), levels=frozenset({"patient", "study"})))
    assert names(router, requestor(), level="study") == ["one"]
    assert refused(router, requestor(), level="image") == 0xA900
    assert refused(router, requestor(), level="nonsense") == 0xA900
