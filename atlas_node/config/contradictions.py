"""What no single setting shows: settings that contradict each other.

`Config` asks for them when it is built; each comes with the location of the setting to change.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from atlas_node.config.location import Location, quoted

if TYPE_CHECKING:
    from atlas_node.config.models import Config, Destination, Tls, Upstream
    from atlas_node.config.web import WebSettings

Contradiction = tuple[Location, str]

LOG_ROUTE = "log"
"""In `Route.to`: record the object in the annotation log and deliver it nowhere."""


def is_loopback(host: str) -> bool:
    """Whether `host` can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def open_to_the_network(web: WebSettings) -> bool:
    """Whether a viewer with these settings would let everybody on other machines in."""
    return web.open_to_all and not is_loopback(web.host)


def _is_any(host: str) -> bool:
    return host in ("0.0.0.0", "::")  # noqa: S104


def _overlap(one: str, other: str) -> bool:
    """Whether sockets bound to both hosts would meet on one port."""
    same = one.lower() == other.lower() or (is_loopback(one) and is_loopback(other))
    return same or _is_any(one) or _is_any(other)


def contradictions(config: Config) -> Iterator[Contradiction]:
    """Yield the location and description of every contradiction in `config`."""
    yield from _ports(config)
    yield from _entries("destinations", config.destinations)
    yield from _entries("upstreams", config.upstreams)
    yield from _destinations(config)
    yield from _upstreams(config)
    yield from _routes(config)
    yield from _query(config)
    yield from _web(config.web)
    yield from _tls(("node", "tls"), config.node.tls)
    if config.node.tls and config.node.tls.certificate is None:
        yield ("node", "tls"), "a listener needs a certificate and its key"


def _ports(config: Config) -> Iterator[Contradiction]:
    node, web = config.node, config.web
    if web.enabled and node.port == web.port and _overlap(node.host, web.host):
        yield ("web", "port"), f"port {web.port} is the port of the DICOM listener (node.port)"


def _web(web: WebSettings) -> Iterator[Contradiction]:
    # Also where the node itself has no viewer: `atlas-node web` serves with these settings.
    if open_to_the_network(web):
        yield (
            ("web", "host"),
            f"{web.host} can be reached from other machines: "
            "set web.users or web.auth, or use the host 127.0.0.1",
        )
    users = [web.auth.user] if web.auth else []
    for index, user in enumerate(web.users):
        if user.name in users:
            yield ("web", "users", index, "name"), f"{quoted(user.name)} is already a user"
        users.append(user.name)
    tokens: list[str] = []
    for index, token in enumerate(web.tokens):
        if token.name in tokens:
            yield ("web", "tokens", index, "name"), f"{quoted(token.name)} is already a token"
        tokens.append(token.name)
    if web.session.idle > web.session.longest:
        yield ("web", "session", "idle"), "longer than web.session.longest"


def _entries(section: str, entries: Sequence[Destination | Upstream]) -> Iterator[Contradiction]:
    first: dict[str, int] = {}
    for index, entry in enumerate(entries):
        if entry.name in first:
            yield (
                (section, index, "name"),
                f"{quoted(entry.name)} is already the name of {section}[{first[entry.name]}]",
            )
        first.setdefault(entry.name, index)
        yield from _tls((section, index, "tls"), entry.tls)


def _upstreams(config: Config) -> Iterator[Contradiction]:
    for index, upstream in enumerate(config.upstreams):
        if _is_this_node(config, upstream):
            yield ("upstreams", index, "port"), "this is the node itself: it would ask itself"


def _is_this_node(config: Config, peer: Destination | Upstream) -> bool:
    node = config.node
    return peer.port == node.port and (
        peer.host == node.host or (is_loopback(peer.host) and _overlap(peer.host, node.host))
    )


def _destinations(config: Config) -> Iterator[Contradiction]:
    for index, destination in enumerate(config.destinations):
        at: Location = ("destinations", index)
        if destination.name == LOG_ROUTE:
            yield (*at, "name"), '"log" stands for the annotation log; choose another name'
        if _is_this_node(config, destination):
            yield (*at, "port"), "this is the node itself: its objects would come back for ever"
        if destination.retry.first_delay > destination.retry.max_delay:
            yield (*at, "retry", "first_delay"), "longer than retry.max_delay"


def _routes(config: Config) -> Iterator[Contradiction]:
    names = [destination.name for destination in config.destinations]
    known = f"the destinations are: {', '.join(names)}" if names else "there are no destinations"
    for index, route in enumerate(config.routes):
        at: Location = ("routes", index, "to")
        if not route.to:
            yield at, "names no destination; write [log] to record objects in the log alone"
        for name in route.to:
            if name != LOG_ROUTE and name not in names:
                yield at, f"no destination named {quoted(name)}; {known}"
        if LOG_ROUTE in route.to and len(route.to) > 1:
            yield at, '"log" stands alone: every object is in the log whatever its route'


def _tls(at: Location, tls: Tls | None) -> Iterator[Contradiction]:
    if tls is None:
        return
    if (tls.certificate is None) != (tls.key is None):
        yield at, "certificate and key go together: give both or neither"


def _query(config: Config) -> Iterator[Contradiction]:
    names = [upstream.name for upstream in config.upstreams]
    known = f"the upstreams are: {', '.join(names)}" if names else "there are no upstreams"
    for index, route in enumerate(config.query.routes):
        for name in route.to:
            if name not in names:
                yield ("query", "routes", index, "to"), f"no upstream named {quoted(name)}; {known}"
    listed: dict[tuple[str, str, str], int] = {}
    for index, key in enumerate(config.query.index):
        attribute = (" ".join(key.creator.split()).lower(), key.group, key.element)
        if attribute in listed:
            yield (
                ("query", "index", index, "element"),
                f"this attribute is already query.index[{listed[attribute]}]",
            )
        listed.setdefault(attribute, index)
    first: dict[str, int] = {}
    for index, destination in enumerate(config.query.move_destinations):
        at: Location = ("query", "move_destinations", index)
        if destination.name in first:
            yield (
                (*at, "name"),
                f"{quoted(destination.name)} is already the name of "
                f"query.move_destinations[{first[destination.name]}]",
            )
        first.setdefault(destination.name, index)
        yield from _tls((*at, "tls"), destination.tls)
