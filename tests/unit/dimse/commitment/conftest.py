"""A node that relays storage commitment, in this process: SCP, store and relay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atlas_node.config import Config, Limits, SpoolSettings
from atlas_node.dimse import AccessList, StorageScp, listen
from atlas_node.dimse.commitment import (
    CommitmentProvider,
    CommitmentRelay,
    enquirer,
    exchange,
    open_association,
)
from atlas_node.spool.commitment import CommitmentStore
from tests.commitment import Archive, Scanner, free_port
from tests.spools import FedSpool
from tests.unit.dimse.conftest import TIMEOUTS, Received
from tests.waiting import LONG

FAST = {"first_delay": 0.1, "max_delay": 0.2}


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks for something new now and then does so without a pause that a test would feel."""
    for module in (enquirer, exchange, open_association):
        monkeypatch.setattr(module, "_LOOK_EVERY", 0.02)


class RelayingNode:
    """An SCP and a relay over one store; each can be stopped and started again."""

    def __init__(self, spool: FedSpool, folder: Path, config: dict[str, Any]) -> None:
        self.port = free_port()
        self.spool = spool
        self.store = CommitmentStore(folder)
        self.config = Config.model_validate(
            {
                "node": {
                    "port": self.port,
                    "timeouts": TIMEOUTS,
                },
                "spool": {"path": str(folder)},
                **config,
            }
        )
        self.relay: CommitmentRelay | None = None
        self.scp: StorageScp | None = None

    def start(self) -> None:
        self.start_scp()
        self.start_relay()

    def start_scp(self) -> None:
        names = [it.name for it in self.config.destinations if it.commitment]
        self.provider = CommitmentProvider(self.store, (lambda *_: names) if names else None)
        self.listener = listen(self.config.node)
        access = AccessList(self.config.peers)
        received = Received(2**20)
        self.scp = StorageScp(self.config.node, self.listener, received, access, self.provider)
        self.scp.start()

    def start_relay(self) -> None:
        self.relay = CommitmentRelay(self.config)
        self.relay.start()

    def stop_scp(self) -> None:
        if self.scp is not None:
            self.scp.stop(0.0)
            self.listener.close()
            self.scp = None

    def stop_relay(self) -> None:
        if self.relay is not None:
            self.relay.stop(LONG)
            self.relay = None

    def stop(self) -> None:
        self.stop_relay()
        self.stop_scp()


def destination(archive: Archive, name: str = "pacs", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "ae_title": archive.ae_title,
        "host": "127.0.0.1",
        "port": archive.port,
        "commitment": True,
        "retry": FAST,
        **more,
    }


def peer(scanner: Scanner, **more: Any) -> dict[str, Any]:
    return {"ae_title": scanner.ae_title, "report_to": {"port": scanner.port}, **more}


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[FedSpool]:
    opened = FedSpool(SpoolSettings(path=tmp_path / "spool", limits=Limits(min_free_bytes=1)))
    yield opened
    opened.close()


@pytest.fixture
def run_node(spool: FedSpool, tmp_path: Path) -> Iterator[Callable[..., RelayingNode]]:
    running: list[RelayingNode] = []

    def run(*, start: bool = True, **config: Any) -> RelayingNode:
        node = RelayingNode(spool, tmp_path / "spool", config)
        running.append(node)
        if start:
            node.start()
        return node

    yield run
    for node in running:
        node.stop()


@pytest.fixture
def archive() -> Iterator[Archive]:
    with Archive() as running:
        yield running


@pytest.fixture
def scanner() -> Iterator[Scanner]:
    with Scanner() as running:
        yield running
