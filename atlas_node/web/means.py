"""What a viewer can do to the node and the network that it belongs to; its starter gives it.

The viewer itself imports neither network nor routes. Whoever makes one hands it these callables;
what is None cannot be done from there, and the pages say so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from atlas_node.config import Destination, Upstream
from atlas_node.spool.orders import FindRecipients


@dataclass(frozen=True, slots=True)
class Means:
    """The callables.

    Attributes
    ----------
    echo : callable or None
        Asks a destination or an upstream by C-ECHO; raises `AtlasError` when it does not answer.
    reload : callable or None
        Has the node read its dictionary and routes again; None where no node runs beside it.
    find_recipients : callable or None
        Says where an object goes by the routes in force, for orders while no node runs.
    """

    echo: Callable[[Destination | Upstream], None] | None = None
    reload: Callable[[], None] | None = None
    find_recipients: FindRecipients | None = None


NO_MEANS: Final = Means()
"""Those of a viewer over a log alone."""
