"""Where objects go by the routes of a configuration, for orders that are given beside the node.

`atlas-node queue` and the viewer use it for what no route matched, which is routed again when it is
tried again. A node that runs asks the router that it has.
"""

from __future__ import annotations

from atlas_node.config import Config
from atlas_node.route.match import Router
from atlas_node.route.receive import find_recipients
from atlas_node.spool import Entry, FindRecipients, Recipient


def recipients_by(config: Config) -> FindRecipients:
    """Return what finds recipients by the routes of a configuration.

    Parameters
    ----------
    config : Config

    Returns
    -------
    callable
        Takes an object of the spool and its data set, and returns where it goes.
    """
    router = Router(config)

    def find(entry: Entry, data: memoryview) -> tuple[Recipient, ...]:
        return find_recipients(router, entry.envelope, lambda: data)

    return find
