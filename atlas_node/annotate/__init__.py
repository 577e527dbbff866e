"""The annotation engine: pure functions from bytes to bytes and records, nothing else."""

from atlas_node.annotate.engine import Annotation, Annotator

__all__ = ["Annotation", "Annotator"]
