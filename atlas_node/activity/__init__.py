"""What the processes of the node are doing, published for whoever shows or measures it.

Each process counts in a `Tally` and has a `Publisher`, which writes once a second what the process
does into a file of its own in the spool. `read_activity` puts the files together: the viewer and
/metrics read them, in the node or beside it. The rule: nobody waits for any of this, and a fault
in it never stops an object.
"""

from atlas_node.activity.metrics import METRICS, Metric
from atlas_node.activity.publisher import Publisher
from atlas_node.activity.reading import Activity, ProcessActivity, Sample, read_activity
from atlas_node.activity.state import (
    DestinationState,
    IncomingAssociation,
    Interval,
    OutgoingAssociation,
    Snapshot,
)
from atlas_node.activity.tally import Tally

__all__ = [
    "METRICS",
    "Activity",
    "DestinationState",
    "IncomingAssociation",
    "Interval",
    "Metric",
    "OutgoingAssociation",
    "ProcessActivity",
    "Publisher",
    "Sample",
    "Snapshot",
    "Tally",
    "read_activity",
]
