"""The annotation engine: pure functions from bytes to bytes and records, nothing else."""

from atlas_node.annotate.engine import Annotation, Annotator
from atlas_node.annotate.facts import Fact, record_of, value_of

__all__ = ["Annotation", "Annotator", "Fact", "record_of", "value_of"]
