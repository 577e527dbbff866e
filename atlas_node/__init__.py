"""Atlas Node: a DICOM network node that makes vendors' private data readable."""

from importlib.metadata import version

__version__ = version("atlas-node")

__all__ = ["__version__"]
