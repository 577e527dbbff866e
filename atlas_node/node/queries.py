"""The query proxy of a receiver process, put together from a configuration.

A receiver imports it where there are upstreams, and not before: the supervisor imports receivers to
start them, and would wait for a proxy that it never makes. `preload` has it ready for a receiver.
"""

from __future__ import annotations

from collections.abc import Callable

from atlas_dictionary import open_layers
from atlas_node.annotate import Annotator
from atlas_node.config import Config
from atlas_node.dimse.relay.service import QueryRelay
from atlas_node.query import PrivateAttributes, PrivateSearch
from atlas_node.route.indexing import open_indexer
from atlas_node.spool import Intake


def make_queries(config: Config, annotator: Callable[[], Annotator], intake: Intake) -> QueryRelay:
    """Return what serves query and retrieve.

    Parameters
    ----------
    config : Config
    annotator : callable
        Returns the one in force.
    intake : Intake
        Where retrieved objects go.

    Raises
    ------
    DictionaryError
        When a dictionary cannot be opened.
    LogError
        When the index cannot be opened.
    """
    attributes = PrivateAttributes(open_layers(config.dictionaries, {}))
    indexer = open_indexer(config)
    private = (
        PrivateSearch(attributes)
        if indexer is None
        else PrivateSearch(attributes, indexer.index, indexer.keys)
    )
    return QueryRelay(config, annotator, intake, private)
