"""From what came in to where it goes: routes, acceptance into the spool, and the log.

`Router` says where an object goes, `Receiver` puts it into the spool with that, and
`record.Recorder` tells the annotation log of it; that one is imported from its module, by those who
have a database. None of them touches the network.
"""

from atlas_node.route.annotator import make_annotator
from atlas_node.route.match import Router
from atlas_node.route.receive import Receiver, find_recipients
from atlas_node.route.recipients import recipients_by

__all__ = [
    "Receiver",
    "Router",
    "find_recipients",
    "make_annotator",
    "recipients_by",
]
