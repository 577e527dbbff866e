"""A node that passes queries on, in this process, with a configuration of the test's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atlas_dictionary import open_dictionary
from atlas_node.annotate import Annotator
from atlas_node.config import Config
from atlas_node.dimse import AccessList, StorageScp, listen
from atlas_node.dimse.relay.service import QueryRelay
from atlas_node.query import AttributeIndex, IndexedKey, PrivateAttributes, PrivateSearch
from tests.ports import free_port
from tests.unit.dimse.conftest import TIMEOUTS, Received


class RelayingNode:
    """A started SCP with a query proxy."""

    def __init__(
        self, index: AttributeIndex | None, keys: list[IndexedKey], sections: dict[str, Any]
    ) -> None:
        self.port = free_port()
        node = {"port": self.port, "timeouts": TIMEOUTS, **sections.pop("node", {})}
        config = Config.model_validate({"node": node, **sections})
        dictionary = open_dictionary()
        annotator = Annotator(dictionary)
        private = PrivateSearch(PrivateAttributes(dictionary), index, keys)
        self.received = Received(2**30)
        self._listener = listen(config.node)
        self.scp = StorageScp(
            config.node,
            self._listener,
            self.received,
            AccessList(config.peers),
            queries=(
                QueryRelay(config, lambda: annotator, self.received, private)
                if config.upstreams
                else None
            ),
        )
        self.scp.start()

    def stop(self) -> None:
        self.scp.stop(0.0)
        self._listener.close()


@pytest.fixture
def run_node(tmp_path: Path) -> Iterator[Callable[..., RelayingNode]]:
    running: list[RelayingNode] = []

    def run(
        *upstreams: dict[str, object],
        index: AttributeIndex | None = None,
        keys: list[IndexedKey] = [],  # noqa: B006 it is not changed
        **sections: object,
    ) -> RelayingNode:
        sections["upstreams"] = list(upstreams)
        running.append(RelayingNode(index, keys, sections))
        return running[-1]

    yield run
    for node in running:
        node.stop()
