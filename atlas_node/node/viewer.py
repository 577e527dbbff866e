"""What the viewer gets from the node: the network and the routes, which it imports not itself.

The supervisor and ``atlas-node web`` give it to the viewers that they start.
"""

from __future__ import annotations

from collections.abc import Callable

from atlas_node.config import Config, Destination, Upstream
from atlas_node.route import recipients_by
from atlas_node.web.means import Means


def viewer_means(config: Config, reload: Callable[[], None] | None = None) -> Means:
    """Return what a viewer over the log of a configuration can do.

    Parameters
    ----------
    config : Config
    reload : callable or None
        Has the node read its configuration again; None where none runs in this process.
    """

    def echo(peer: Destination | Upstream) -> None:
        from atlas_node.dimse import Peer, echo  # noqa: PLC0415 takes long; seldom needed

        echo(Peer.of(peer, config.node), config.node)

    return Means(echo, reload, recipients_by(config))
