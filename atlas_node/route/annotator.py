"""The annotator of a configuration, with its dictionaries and its rules.

Receivers, forwarders and every command that reads objects by a configuration make theirs here, so
that all of them read an object alike.
"""

from __future__ import annotations

from atlas_dictionary import open_layers
from atlas_node.annotate import Annotator
from atlas_node.config import Config


def make_annotator(config: Config) -> Annotator:
    """Return the annotator of a configuration.

    Raises
    ------
    DictionaryError
        When a dictionary cannot be opened.
    """
    # The paths are complete: load_config has added those of ATLAS_DICTPATH.
    dictionary = open_layers(config.dictionaries, {})
    return Annotator(dictionary, inherit_creators=config.annotate.inherit_creators)
