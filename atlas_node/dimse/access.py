"""Who may call the node, and what for: the configured peers, asked for each association.

`StorageScp` asks when an association is requested and again for each service. With no peers
configured everybody who reaches the port may call.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Literal

from atlas_node.config import Peer

Service = Literal["echo", "store"]


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

    def services(self, calling_ae: str, address: str) -> frozenset[Service]:
        """Return what a caller may ask for; nothing when it may not call at all."""
        if not self._peers:
            return frozenset(("echo", "store"))
        caller = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(caller, ipaddress.IPv6Address) and caller.ipv4_mapped:
            caller = caller.ipv4_mapped
        return frozenset().union(
            *(
                peer.services
                for peer, network in self._peers
                if peer.ae_title == calling_ae.strip() and (network is None or caller in network)
            )
        )
