"""The durable queue of received objects and of their deliveries.

It has two sides, for two processes that meet on the disk: `Intake` accepts objects, `Spool` hands
out what is to be delivered and recorded, and removes what is done. `prepare_spool`, `Occupancy` and
`Doorbell` are for the process that starts them, `read_queue` for commands that look at a spool from
outside.
"""

from atlas_node.spool.commitment import CommitmentStore
from atlas_node.spool.doorbell import Doorbell
from atlas_node.spool.entry import NO_ROUTE, Entry, QueuedObject, Recipient
from atlas_node.spool.fingerprint import fingerprint
from atlas_node.spool.handout import Change, Delivery
from atlas_node.spool.intake import Arrival, Intake
from atlas_node.spool.listing import read_queue, read_queued_object
from atlas_node.spool.lock import FolderLock
from atlas_node.spool.occupancy import Occupancy
from atlas_node.spool.orders import Action, FindRecipients, OrderDesk, Outcome, Refusal, give_order
from atlas_node.spool.overview import Look, SpoolOverview
from atlas_node.spool.prepare import prepare_spool, probe_spool
from atlas_node.spool.spool import Spool
from atlas_node.spool.standing import Standing
from atlas_node.spool.waiting import Reasons, waited_for

__all__ = [
    "NO_ROUTE",
    "Action",
    "Arrival",
    "Change",
    "CommitmentStore",
    "Delivery",
    "Doorbell",
    "Entry",
    "FindRecipients",
    "FolderLock",
    "Intake",
    "Look",
    "Occupancy",
    "OrderDesk",
    "Outcome",
    "QueuedObject",
    "Reasons",
    "Recipient",
    "Refusal",
    "Spool",
    "SpoolOverview",
    "Standing",
    "fingerprint",
    "give_order",
    "prepare_spool",
    "probe_spool",
    "read_queue",
    "read_queued_object",
    "waited_for",
]
