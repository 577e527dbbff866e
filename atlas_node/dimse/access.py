"""Who may call the node, and what for: the configured peers, asked for each association.

`StorageScp` asks when a connection comes in, when an association is requested and again for each
service, the storage commitment relay when it has something to report. With no peers configured
everybody who reaches the port may call.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final, get_args

from atlas_node.config import Peer, ReportTo, Service

_EVERYTHING: Final[frozenset[Service]] = frozenset(get_args(Service))


class AccessList:
    """The configured peers.

    Parameters
    ----------
    peers : sequence of Peer
    """

    def __init__(self, peers: Sequence[Peer]) -> None:
        self._peers = [
            (peer, ipaddress.ip_network(peer.address) if peer.address else None) for peer in peers
        ]

    def may_connect(self, address: str) -> bool:
        """Return whether any caller from an address may call."""
        if not self._peers:
            return True
        caller = _host(address)
        return any(network is None or caller in network for _, network in self._peers)

    def services(self, calling_ae: str, address: str) -> frozenset[Service]:
        """Return what a caller may ask for; nothing when it may not call at all."""
        if not self._peers:
            return _EVERYTHING
        return frozenset().union(*(it.services for it in self._entries(calling_ae, address)))

    def report_to(self, calling_ae: str, address: str) -> ReportTo | None:
        """Return where a caller takes reports in associations of ours; None when nowhere."""
        found = (it.report_to for it in self._entries(calling_ae, address) if it.report_to)
        return next(found, None)

    def _entries(self, calling_ae: str, address: str) -> Iterator[Peer]:
        caller = _host(address)
        for peer, network in self._peers:
            if peer.ae_title == calling_ae.strip() and (network is None or caller in network):
                yield peer


def _host(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address without its zone, that of an IPv4 host as such."""
    host = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped:
        return host.ipv4_mapped
    return host
