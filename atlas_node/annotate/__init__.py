"""The annotation engine: pure functions from bytes to bytes and records, nothing else."""

from atlas_node.annotate.engine import Annotation, Annotator
from atlas_node.annotate.facts import Fact, record_of, value_of
from atlas_node.annotate.identity import LAST_GROUP, identify, identify_beginning

__all__ = [
    "LAST_GROUP",
    "Annotation",
    "Annotator",
    "Fact",
    "identify",
    "identify_beginning",
    "record_of",
    "value_of",
]
