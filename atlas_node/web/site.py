"""What every page of the viewer has at hand: log, configuration, dictionary, templates.

`create_app` makes one `Site`; each page module takes it and returns its routes. The rule: a page
is a function of a request that returns HTML, its twin under /api returns the same data as JSON.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from atlas_dictionary import Dictionary, open_layers
from atlas_node.config import Config
from atlas_node.errors import AtlasError
from atlas_node.log import LogStore, visible
from atlas_node.web.access import Access, Visitor
from atlas_node.web.audit import (
    INTENT,
    OUTCOME,
    AuditEntry,
    AuditError,
    AuditTrail,
    audit_path,
    now,
)
from atlas_node.web.change import Endpoint, changing
from atlas_node.web.means import NO_MEANS, Means
from atlas_node.web.rendering import environment

PAGES: Final = (
    ("/", "Live"),
    ("/explore", "Explore"),
    ("/coverage", "Coverage"),
    ("/dictionary", "Dictionary"),
    ("/deliveries", "Deliveries"),
    ("/status", "Status"),
)
"""Address and name of each page of the main navigation."""

_MOST_DIGITS: Final = 20
_WILDCARD_HOSTS: Final = {"0.0.0.0", "::"}  # noqa: S104 (compared with, not listened on)

_logger = logging.getLogger(__name__)


class Json(JSONResponse):
    """JSON in ASCII alone: what a value has of control characters and surrogates is escaped."""

    def render(self, content: Any) -> bytes:
        """Encode `content`."""
        return json.dumps(content, allow_nan=False).encode("ascii")


class Site:
    """What the pages share.

    Parameters
    ----------
    store : LogStore
        Only read; who made the site closes it.
    config : Config
    means : Means
        What the viewer can do to the node that it belongs to.
    """

    def __init__(self, store: LogStore, config: Config, means: Means = NO_MEANS) -> None:
        self.store = store
        self.config = config
        self.means = means
        self.access = Access(config.web)
        self.trail = AuditTrail(audit_path(config))
        self._templates = environment()
        self._templates.globals["pages"] = PAGES

    @cached_property
    def dictionary(self) -> Dictionary:
        """The dictionary of the node, as its configuration lists it.

        Raises
        ------
        DictionaryError
            When one of its files cannot be used.
        """
        return open_layers(self.config.dictionaries, {})

    def reread_dictionary(self) -> None:
        """Have the pages show what the files of the dictionary say from now on."""
        self.__dict__.pop("dictionary", None)

    def page(self, request: Request, template: str, code: int = 200, **data: Any) -> Response:
        """Return a page.

        Parameters
        ----------
        request : Request
        template : str
            Name of a file in templates/.
        code : int
            Status of HTTP.
        **data
            What the template shows.
        """
        node = self.config.node
        host = request.url.hostname if node.host in _WILDCARD_HOSTS else node.host
        visitor: Visitor | None = getattr(request.state, "visitor", None)
        page = self._templates.get_template(template).render(
            data,
            visitor=visitor,
            csrf=visitor.csrf if visitor else "",
            code=code,
            path=request.url.path,
            ae_title=node.ae_title,
            host=host or node.host,
            port=node.port,
            values_kept=self.config.log.values,
        )
        return HTMLResponse(page, status_code=code)

    def change(
        self, endpoint: Endpoint, *, by_anyone: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of a change: for operators alone, and no forgery (see `changing`).

        `request.state.form` has the fields that were sent, `request.state.visitor` says by whom.
        """
        return changing(endpoint, self.trail, by_anyone=by_anyone)

    @contextmanager
    def audited(self, request: Request, action: str, subject: str) -> Iterator[list[str]]:
        """Write a change into the audit trail: that it is meant, and after the block how it ended.

        An outcome that cannot be written is an error in the process log, for the change is done.

        Parameters
        ----------
        request : Request
        action : str
            Such as ``delivery.retry``.
        subject : str
            What is changed; never a patient's value.

        Yields
        ------
        list of str
            Takes what the trail is to say of the outcome.

        Raises
        ------
        AuditError
            The trail cannot be written; the block is not entered.
        """
        said: list[str] = []
        meant = replace(
            self.entry(request, request.state.visitor, action, subject, "begun"),
            change=secrets.token_hex(8),
            stage=INTENT,
        )
        self.trail.add(meant)
        try:
            yield said
        except Exception as error:
            known = isinstance(error, AtlasError | HTTPException | ValueError)
            said.append(f"failed: {error}" if known else f"failed: {type(error).__name__}")
            raise
        finally:
            self._add(replace(meant, at=now(), stage=OUTCOME, detail=", ".join(said)))

    def note(
        self, request: Request, who: Visitor | None, action: str, subject: str, detail: str = ""
    ) -> None:
        """Write into the audit trail who came or went; one that cannot be written stops nobody."""
        self._add(self.entry(request, who, action, subject, detail))

    def _add(self, entry: AuditEntry) -> None:
        try:
            self.trail.add(entry)
        except AuditError as error:
            of = f"change {entry.change}, {entry.stage}," if entry.change else entry.subject
            _logger.error("%s of %s is not in the audit trail: %s", entry.action, of, error)

    def entry(
        self, request: Request, who: Visitor | None, action: str, subject: str, detail: str = ""
    ) -> AuditEntry:
        """Return what the audit trail says of a request."""
        return AuditEntry(
            at=now(),
            node=self.config.node.ae_title,
            who=who.name if who else "",
            role=who.role if who else "",
            how=who.how if who else "",
            address=request.client.host if request.client else "",
            action=action,
            subject=subject,
            detail=detail,
        )

    def message(self, request: Request, code: int, message: str) -> Response:
        """Return one sentence as a page, or as JSON under /api."""
        if request.url.path.startswith("/api/"):
            return Json({"error": visible(message)}, status_code=code)
        return self.page(request, "message.html", code, message=message)


def whole_number(query: Mapping[str, str], name: str, default: int, largest: int) -> int:
    """Return a number of a URL, `default` where it is not given.

    Raises
    ------
    ValueError
        When it is no whole number from 1 to `largest`.
    """
    text = query.get(name, "").strip()
    if not text:
        return default
    # Python takes long numbers of digits slowly, and refuses the longest with another error.
    digits = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    if not digits or not 1 <= (number := int(text)) <= largest:
        raise ValueError(f"{name}: expected a whole number from 1 to {largest}")
    return number
