"""From what came in to where it goes: routes, acceptance into the spool, and the log.

`Router` says where an object goes, `Receiver` puts it into the spool with that, and `Recorder`
tells the annotation log of it. None of them touches the network.
"""

from atlas_node.route.match import NO_ROUTE, Router
from atlas_node.route.receive import Receiver
from atlas_node.route.record import Recorder

__all__ = ["NO_ROUTE", "Receiver", "Recorder", "Router"]
