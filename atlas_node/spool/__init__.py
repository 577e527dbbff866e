"""The durable queue of received objects and of their deliveries.

An object is accepted when `Spool.accept` returns, and stays until every destination has answered
for it and the annotation log has it. `prepare_spool` is for the process that starts the workers,
`read_queue` for commands that look at a spool from outside.
"""

from atlas_node.spool.entry import Entry, QueuedObject, Recipient
from atlas_node.spool.listing import read_queue, read_queued_object
from atlas_node.spool.partition import FolderLock
from atlas_node.spool.prepare import prepare_spool, probe_spool
from atlas_node.spool.spool import Change, Delivery, Spool

__all__ = [
    "Change",
    "Delivery",
    "Entry",
    "FolderLock",
    "QueuedObject",
    "Recipient",
    "Spool",
    "prepare_spool",
    "probe_spool",
    "read_queue",
    "read_queued_object",
]
