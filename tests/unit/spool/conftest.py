"""Spools in a temporary folder, and what a scanner would put into them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atlas_node.config import Limits, SpoolSettings
from atlas_node.model import Envelope, Policy
from atlas_node.spool import Recipient
from tests.spools import FedSpool

OpenSpool = Callable[..., FedSpool]


@pytest.fixture
def pacs() -> Recipient:
    return Recipient("pacs", Policy.DECODE)


@pytest.fixture
def archive() -> Recipient:
    return Recipient("archive", Policy.OBSERVE)


@pytest.fixture
def envelope() -> Envelope:
    return Envelope(
        received_at=1_700_000_000.0,
        calling_ae="SCANNER",
        called_ae="ATLAS",
        peer="192.0.2.7",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3.4",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
    )


@pytest.fixture
def settings(tmp_path: Path) -> SpoolSettings:
    return SpoolSettings(path=tmp_path / "spool", limits=Limits(min_free_bytes=1))


@pytest.fixture
def clock() -> Callable[[], float]:
    """The clock of spools that are opened; a test may have its own."""
    return time.time


@pytest.fixture
def open_spool(settings: SpoolSettings, clock: Callable[[], float]) -> Iterator[OpenSpool]:
    """Open the spool; opening it again is what a restart does."""
    opened: list[FedSpool] = []

    def open_(**changes: object) -> FedSpool:
        if opened:
            opened.pop().close()
        keep_finished = changes.pop("keep_finished", 0.0)
        limits = settings.limits.model_copy(update=changes)
        update = {"limits": limits, "keep_finished": keep_finished}
        opened.append(FedSpool(settings.model_copy(update=update), clock=clock))
        return opened[-1]

    yield open_
    for spool in opened:
        spool.close()
