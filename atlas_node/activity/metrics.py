"""What the node counts and measures: one definition for each.

Processes name these when they count, /metrics when it writes, the dashboard in deploy/ when it
draws. The rule: a label has few values, from the configuration or an enumeration; what a peer says
is never a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LONG_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is counted or measured.

    Attributes
    ----------
    name : str
        With its unit, in the plural where it is counted.
    kind : str
    help : str
        What it means, for a person.
    labels : tuple of str
        Names of what it is told apart by.
    buckets : tuple of float
        Of a histogram, the upper bounds; the last one, infinity, is not among them.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


OBJECTS_RECEIVED: Final = Metric(
    "objects_received", "counter", "Objects received and answered with 0x0000."
)
BYTES_RECEIVED: Final = Metric(
    "bytes_received", "counter", "Bytes of the data sets of the objects received."
)
OBJECTS_REFUSED: Final = Metric(
    "objects_refused", "counter", "C-STORE requests answered with a failure.", ("status",)
)
RECEIVE_SECONDS: Final = Metric(
    "receive_seconds",
    "histogram",
    "Time from a C-STORE request to its answer.",
    buckets=_SECONDS,
)
ASSOCIATIONS_ACCEPTED: Final = Metric(
    "associations_accepted", "counter", "Associations that peers requested and were given."
)
ASSOCIATIONS_REJECTED: Final = Metric(
    "associations_rejected",
    "counter",
    "Associations that peers requested and were not given: no such peer, or too many open.",
    ("reason",),
)
DELIVERIES: Final = Metric(
    "deliveries",
    "counter",
    "Tries of deliveries by how they ended; unreachable: there was no association.",
    ("destination", "outcome"),
)
BYTES_DELIVERED: Final = Metric(
    "bytes_delivered",
    "counter",
    "Bytes of the data sets of the objects sent, as they were received.",
    ("destination",),
)
DELIVERY_SECONDS: Final = Metric(
    "delivery_seconds",
    "histogram",
    "Time from our C-STORE request to the destination's answer.",
    ("destination",),
    _SECONDS,
)
OBJECTS_RECORDED: Final = Metric(
    "objects_recorded", "counter", "Objects written into the annotation log."
)
OBJECTS_NOT_ANNOTATED: Final = Metric(
    "objects_not_annotated", "counter", "Objects that could not be annotated and went unchanged."
)
ELEMENTS: Final = Metric(
    "elements", "counter", "Private data elements recorded, by what became of them.", ("status",)
)
RECORD_SECONDS: Final = Metric(
    "record_seconds",
    "histogram",
    "Time from the receipt of an object until the log has it.",
    buckets=_LONG_SECONDS,
)
LATENCIES: Final = (RECEIVE_SECONDS, DELIVERY_SECONDS, RECORD_SECONDS)
"""What the status page shows of the last ten minutes, over all labels."""

ASSOCIATIONS_OPEN: Final = Metric(
    "associations_open", "gauge", "Associations that are open.", ("direction",)
)
QUEUE_LENGTH: Final = Metric(
    "queue_length",
    "gauge",
    "Deliveries that are not done, by where they stand.",
    ("destination", "status"),
)
DESTINATION_REACHABLE: Final = Metric(
    "destination_reachable",
    "gauge",
    "Whether a destination answered the last try; absent before the first.",
    ("destination",),
)
SPOOL_OBJECTS: Final = Metric("spool_objects", "gauge", "Objects in the spool.")
SPOOL_BYTES: Final = Metric("spool_bytes", "gauge", "Bytes of the objects in the spool.")
LOG_WAITING: Final = Metric(
    "log_waiting", "gauge", "Objects whose state the annotation log has not been told."
)
LOG_LAG_SECONDS: Final = Metric(
    "log_lag_seconds", "gauge", "For how long the oldest of these has waited for the log."
)
PROCESSES: Final = Metric(
    "processes", "gauge", "Processes of the node: serving, silent or ended.", ("state",)
)

METRICS: Final = (
    OBJECTS_RECEIVED,
    BYTES_RECEIVED,
    OBJECTS_REFUSED,
    RECEIVE_SECONDS,
    ASSOCIATIONS_ACCEPTED,
    ASSOCIATIONS_REJECTED,
    ASSOCIATIONS_OPEN,
    DELIVERIES,
    BYTES_DELIVERED,
    DELIVERY_SECONDS,
    DESTINATION_REACHABLE,
    QUEUE_LENGTH,
    SPOOL_OBJECTS,
    SPOOL_BYTES,
    OBJECTS_RECORDED,
    OBJECTS_NOT_ANNOTATED,
    ELEMENTS,
    RECORD_SECONDS,
    LOG_WAITING,
    LOG_LAG_SECONDS,
    PROCESSES,
)
"""All of them, in the order in which /metrics writes them."""
