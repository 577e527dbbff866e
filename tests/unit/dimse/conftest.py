"""An SCP on a free port that hands what it receives to the test, and a spool to deliver from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atlas_node.config import Limits, NodeSettings, Peer, SpoolSettings, Timeouts, Tls
from atlas_node.dimse import AccessList, StorageScp, listen
from atlas_node.dimse.transport import complaints
from atlas_node.errors import SpoolFullError
from atlas_node.model import Envelope
from tests.ports import free_port
from tests.spools import FedSpool
from tests.waiting import LONG, wait_until

TIMEOUTS = Timeouts(acse=LONG, dimse=LONG, network=LONG, connect=LONG)


class ArrivedObject:
    """What has been received of an object, in memory."""

    def __init__(self, received: Received, envelope: Envelope) -> None:
        self.received = received
        self.envelope = envelope
        self.data = bytearray()

    @property
    def size(self) -> int:
        return len(self.data)

    def write(self, data: memoryview) -> None:
        if self.size + len(data) > self.received.max_object_bytes:
            raise SpoolFullError("an object grows past the limit")
        self.data += data
        self.received.is_coming.set()

    def abandon(self) -> None:
        self.received.abandoned.append(self.envelope)


class Received:
    """What the SCP handed on; `error` is raised instead of taking an object.

    `is_coming` is set when the first bytes of one have come.
    """

    def __init__(self, max_object_bytes: int) -> None:
        self.max_object_bytes = max_object_bytes
        self.objects: list[tuple[Envelope, bytes]] = []
        self.abandoned: list[Envelope] = []
        self.error: Exception | None = None
        self.is_coming = threading.Event()

    def begin(self, envelope: Envelope) -> ArrivedObject:
        return ArrivedObject(self, envelope)

    def accept(self, arrival: ArrivedObject) -> str:
        if self.error:
            raise self.error
        self.objects.append((arrival.envelope, bytes(arrival.data)))
        return "id"


class RunningScp:
    """A started SCP, its port and what it received."""

    def __init__(self, node: NodeSettings, peers: list[Peer], max_object_bytes: int) -> None:
        self.port = node.port
        self.received = Received(max_object_bytes)
        self.listener = listen(node)
        self.scp = StorageScp(node, self.listener, self.received, AccessList(peers))
        self.scp.start()

    def stop(self) -> None:
        """Stop it, and wait for all that it has to say of its associations."""
        self.scp.stop(0.0)
        self.listener.close()
        wait_until(lambda: not self.scp._server.active_associations)


@pytest.fixture(autouse=True)
def complaints_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection of an earlier test counts among those that failed."""
    for counter in "_said", "_left_out":
        monkeypatch.setattr(complaints.say_failed.__self__, counter, 0)


@pytest.fixture
def node() -> NodeSettings:
    return NodeSettings(timeouts=TIMEOUTS)


@pytest.fixture
def run_scp() -> Iterator[Callable[..., RunningScp]]:
    running: list[RunningScp] = []

    def run(
        peers: list[Peer] | None = None,
        max_object_bytes: int = 2**30,
        tls: Tls | None = None,
        timeouts: Timeouts = TIMEOUTS,
        **node: object,
    ) -> RunningScp:
        settings = NodeSettings(port=free_port(), timeouts=timeouts, tls=tls, **node)
        running.append(RunningScp(settings, peers or [], max_object_bytes))
        return running[-1]

    yield run
    for scp in running:
        scp.stop()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[FedSpool]:
    opened = FedSpool(SpoolSettings(path=tmp_path / "spool", limits=Limits(min_free_bytes=1)))
    yield opened
    opened.close()
