"""Objects on their way through the node, without a network."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from atlas_dictionary import open_layers
from atlas_node.annotate import Annotator
from atlas_node.config import Limits, SpoolSettings
from atlas_node.model import Envelope
from tests.spools import FedSpool
from tests.streams import element, text

CT = element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0") + b"".join(
    (
        element(0x00080060, "CS", b"CT"),
        element(0x00080070, "LO", text("SIEMENS")),
        element(0x00190010, "LO", text("SIEMENS MR HEADER")),
        element(0x0019100A, "UN", b"\x24\x00"),
    )
)


@pytest.fixture
def ct() -> bytes:
    """An encoded CT object with one private element as UN."""
    return CT


@pytest.fixture
def envelope() -> Envelope:
    return Envelope(
        received_at=1_700_000_000.0,
        calling_ae="SCANNER1",
        called_ae="ATLAS",
        peer="192.0.2.7",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3.4",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
    )


@pytest.fixture(scope="session")
def annotator() -> Annotator:
    return Annotator(open_layers((), {}))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[FedSpool]:
    opened = FedSpool(SpoolSettings(path=tmp_path / "spool", limits=Limits(min_free_bytes=1)))
    yield opened
    opened.close()
