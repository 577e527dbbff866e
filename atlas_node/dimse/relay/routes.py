"""Who may ask which upstream for what: `query.routes` and the services of the peers.

`QueryRelay` asks when an association is requested and again for each request. The rule: the
first route that matches a caller counts; with no routes everybody may ask all upstreams.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from typing import Final, get_args

from atlas_node.config import Config, QueryLevel, QueryRoute, QueryService, Upstream
from atlas_node.dimse.status import DOES_NOT_MATCH_CLASS, NOT_AUTHORIZED
from atlas_node.dimse.transport.services import Requestor
from atlas_node.errors import AtlasError

_LEVELS: Final = frozenset(get_args(QueryLevel))


class NotRoutedError(AtlasError):
    """A caller may not ask for this.

    Attributes
    ----------
    status : int
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class QueryRoutes:
    """The routes of a configuration, ready to be asked; it keeps no state.

    Parameters
    ----------
    config : Config
    """

    def __init__(self, config: Config) -> None:
        self._upstreams = {upstream.name: upstream for upstream in config.upstreams}
        self._routes = config.query.routes or (QueryRoute(to=tuple(self._upstreams)),)

    def services(self, requestor: Requestor) -> frozenset[QueryService]:
        """Return what a caller may ask for."""
        route = self._route(requestor)
        return route.services if route is not None and route.to else frozenset()

    def upstreams(
        self, requestor: Requestor, service: QueryService, level: str | None
    ) -> Sequence[Upstream]:
        """Return the upstreams that a request goes to.

        Parameters
        ----------
        requestor : Requestor
        service : str
        level : str or None
            As `classes.level_of` gives it.

        Raises
        ------
        NotRoutedError
            When the caller may not ask for it.
        """
        route = self._route(requestor)
        if route is None or not route.to or service not in route.services:
            raise NotRoutedError(NOT_AUTHORIZED, f"this AE may not ask for {service} here")
        if level is not None and level not in _LEVELS:
            raise NotRoutedError(DOES_NOT_MATCH_CLASS, "no such query/retrieve level")
        if level is not None and level not in route.levels:
            raise NotRoutedError(DOES_NOT_MATCH_CLASS, f"this AE may not ask at {level} level here")
        return [self._upstreams[name] for name in route.to]

    def all_upstreams(self, requestor: Requestor) -> Sequence[Upstream]:
        """Return every upstream that requests of a caller may go to."""
        route = self._route(requestor)
        return [self._upstreams[name] for name in route.to] if route is not None else []

    def _route(self, requestor: Requestor) -> QueryRoute | None:
        return next((it for it in self._routes if _matches(it, requestor)), None)


def _matches(route: QueryRoute, requestor: Requestor) -> bool:
    return _any(route.match.calling_ae, requestor.calling_ae) and _any(
        route.match.called_ae, requestor.called_ae
    )


def _any(patterns: Sequence[str], value: str) -> bool:
    return not patterns or any(
        re.fullmatch(fnmatch.translate(pattern), value, re.IGNORECASE) for pattern in patterns
    )
