"""The deliveries: how each destination stands, what failed and why, and orders about it.

What the processes of the node publish gives the numbers and the associations that are open; the
spool itself gives the deliveries one by one. Either may be missing: the page shows the rest and
says what it cannot know.
"""

from __future__ import annotations

import contextlib
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from atlas_node.activity import Activity, DestinationState, read_activity
from atlas_node.config import Config
from atlas_node.errors import SpoolError
from atlas_node.model import DeliveryRecord, DeliveryStatus
from atlas_node.spool import (
    NO_ROUTE,
    Entry,
    Look,
    Outcome,
    Reasons,
    SpoolOverview,
    give_order,
    read_queue,
)
from atlas_node.spool.journal import DAMAGED
from atlas_node.spool.orders import Target
from atlas_node.web.delivery_orders import (
    TIMEOUT,
    TROUBLE,
    Asked,
    Order,
    Outcomes,
    Wanted,
    in_short,
    no_routes_here,
    outcome_view,
    refused_all,
)
from atlas_node.web.operation import (
    COUNT,
    MOMENT,
    SWITCH,
    TEXT,
    described,
    list_of,
    one_of,
    or_none,
    query,
    record,
)
from atlas_node.web.site import Json, Site, whole_number
from atlas_node.web.summary import iso

PAGE_SIZE: Final = 50
_REASONS: Final = 8

_DELIVERY: Final = record(
    object_id=TEXT, received_at=MOMENT, calling_ae=TEXT, sop_instance_uid=TEXT, size=COUNT,
    destination=TEXT, status=TEXT, tries=COUNT, at=MOMENT, detail=TEXT, next_try_at=or_none(MOMENT),
)  # fmt: skip
_VIEW: Final = record(
    running=SWITCH, heard_at=or_none(MOMENT), spool_error=TEXT, spool_exists=SWITCH,
    complete=SWITCH,
    destinations=list_of(record(
        name=TEXT, ae_title=TEXT, address=TEXT, configured=SWITCH, waiting=COUNT, in_hand=COUNT,
        retrying=COUNT, dead=COUNT, oldest_at=or_none(MOMENT), next_try_at=or_none(MOMENT),
        answered_at=or_none(MOMENT), failed_at=or_none(MOMENT), failure=TEXT,
        reachable=or_none(SWITCH), associations=COUNT,
    )),
    incoming=list_of(record(
        calling_ae=TEXT, called_ae=TEXT, address=TEXT, since=MOMENT, objects=COUNT, bytes=COUNT,
        process=TEXT,
    )),
    outgoing=list_of(record(
        destination=TEXT, ae_title=TEXT, address=TEXT, since=MOMENT, contexts=COUNT,
        objects=COUNT, bytes=COUNT, process=TEXT,
    )),
    found=COUNT, page=COUNT, last_page=COUNT, deliveries=list_of(_DELIVERY),
    by_status=record(pending=COUNT, failed=COUNT, dead=COUNT),
    reasons=list_of(record(reason=TEXT, destination=TEXT, deliveries=COUNT)),
)  # fmt: skip
_OUTCOME: Final = record(
    action=TEXT, done=COUNT, unanswered=COUNT,
    refused=list_of(record(object_id=TEXT, destination=TEXT, reason=TEXT)),
)  # fmt: skip
_ORDER: Final = {
    "type": "object",
    "required": ["action"],
    "properties": {
        "action": one_of("retry", "drop"),
        "delivery": list_of({"type": "string", "pattern": r"^[^|]+\|.+$"}),
        "every": SWITCH,
        "destination": TEXT,
        "status": one_of("trouble", "pending", "failed", "dead"),
        "reason": TEXT,
        "newest": TEXT,
        "count": COUNT,
    },
}


def routes(site: Site) -> list[Route]:
    """Return the page, the parts of it that change, its data, and the orders."""
    overview = SpoolOverview(site.config.spool.path)
    outcomes = Outcomes()

    def shown(request: Request) -> dict[str, Any]:
        given = request.query_params
        view = deliveries_view(site.config, overview, given)
        return view | {
            "picks": [_pick(it) for it in view["deliveries"]],
            "query": Wanted.from_query(given).to_query(),
            "at_once": PAGE_SIZE,
            "outcome": outcomes.get(given.get("outcome", "")),
            "no_route": NO_ROUTE,
            "damaged": DAMAGED,
            "spool": site.config.spool.path,
        }

    def page(request: Request) -> Response:
        return site.page(request, "deliveries.html", **shown(request))

    def standing(request: Request) -> Response:
        return site.page(request, "standing.html", **shown(request))

    def listing(request: Request) -> Response:
        return site.page(request, "queue.html", **shown(request))

    @described(
        "Destinations, open associations, and the deliveries that are not done",
        _VIEW,
        query("destination", "Only deliveries to this destination."),
        query("status", "trouble (failed or dead), pending, failed or dead; by default all."),
        query("reason", "Only deliveries of whose last try exactly this is said."),
        query("page", f"Which {PAGE_SIZE} of them, from 1."),
    )
    def api(request: Request) -> Response:
        return Json(deliveries_view(site.config, overview, request.query_params))

    def order(request: Request) -> Response:
        wanted = Order.from_form(_form(request))
        targets = _targets(site, wanted)
        more = wanted.goes_beyond(targets)
        if wanted.needs_confirmation or more:
            return site.page(
                request,
                "order.html",
                order=wanted,
                query=wanted.wanted.to_query(),
                asked=Asked.of(targets),
                more=more,
                count=len(targets),
                objects=len({object_id for object_id, _ in targets}),
                destinations=sorted({name for _, name in targets}),
            )
        view = carry_out(site, overview, request, wanted, targets)
        back = wanted.wanted.to_query() | {"outcome": outcomes.keep(view)}
        return RedirectResponse(f"/deliveries?{urlencode(back)}", status_code=303)

    @described("Try deliveries again, or give them up", _OUTCOME, form=_ORDER)
    def api_order(request: Request) -> Response:
        wanted = Order.from_form(_form(request))
        targets = _targets(site, wanted)
        if wanted.goes_beyond(targets):
            raise HTTPException(
                409, f"Nothing was done: {len(targets)} deliveries fit, more than `count` says."
            )
        return Json(carry_out(site, overview, request, wanted, targets))

    return [
        Route("/deliveries", page),
        Route("/deliveries/standing", standing),
        Route("/deliveries/queue", listing),
        Route("/deliveries/order", site.change(order), methods=["POST"]),
        Route("/api/deliveries", api),
        Route("/api/deliveries/order", site.change(api_order), methods=["POST"]),
    ]


def deliveries_view(
    config: Config, overview: SpoolOverview, given: Mapping[str, str]
) -> dict[str, Any]:
    """Return how the deliveries stand, and a page of those that fit the parameters of a URL.

    Raises
    ------
    ValueError
        A parameter cannot be understood.
    """
    wanted = Wanted.from_query(given)
    activity = read_activity(config.spool.path)
    look, error = Look(), ""
    try:
        look = overview.look()
    except SpoolError as failed:
        error = str(failed)
    everything = [
        (queued.entry, it) for queued in look.objects for it in queued.deliveries.values()
    ]
    there = Wanted(destination=wanted.destination)
    of_destination = [it for it in everything if there.fits(it[1])]
    found = [it for it in of_destination if wanted.fits(it[1])]
    last_page = max(1, -(-len(found) // PAGE_SIZE))
    number = min(whole_number(given, "page", 1, 10**6), last_page)
    begin = (number - 1) * PAGE_SIZE
    statuses = Counter(it.status for _, it in of_destination)
    reasons = Reasons(
        tried=activity.destinations if activity.running else {},
        configured={it.name for it in config.destinations},
        retried={
            (entry.object_id, it.destination)
            for entry, it in of_destination
            if it.status is DeliveryStatus.FAILED
        },
    )
    return {
        "running": activity.running,
        "heard_at": iso(max(it.at for it in activity.processes)) if activity.processes else None,
        "spool_error": error,
        "spool_exists": config.spool.path.is_dir(),
        "complete": look.complete,
        "destinations": _destinations(config, activity, look, everything),
        "incoming": [asdict(it) | {"since": iso(it.since)} for it in activity.incoming],
        "outgoing": [asdict(it) | {"since": iso(it.since)} for it in activity.outgoing],
        "found": len(found),
        "page": number,
        "last_page": last_page,
        "deliveries": [
            _delivery(entry, reasons.explain(it)) for entry, it in found[begin : begin + PAGE_SIZE]
        ],
        "by_status": {
            it.value: statuses[it] for it in (DeliveryStatus.PENDING, *TROUBLE)
        },
        "reasons": _reasons(of_destination),
    }  # fmt: skip


def carry_out(
    site: Site,
    overview: SpoolOverview,
    request: Request,
    order: Order,
    targets: Sequence[Target],
) -> dict[str, Any]:
    """Carry out an order about deliveries and return what became of it; both are in the trail.

    Raises
    ------
    AuditError
        The audit trail cannot be written; nothing was done.
    """
    outcome = Outcome(0)
    with site.audited(request, f"delivery.{order.action}", order.subject(len(targets))) as said:
        if targets:
            find = site.means.find_recipients or no_routes_here
            try:
                outcome = give_order(site.config.spool, order.action, targets, find, TIMEOUT)
            except SpoolError as error:
                outcome = refused_all(targets, str(error))
        said.append(in_short(outcome))
    with contextlib.suppress(SpoolError):
        overview.look(again=True)
    return outcome_view(order.action, outcome)


def _targets(site: Site, order: Order) -> list[tuple[str, str]]:
    if not site.config.spool.path.is_dir():
        raise ValueError(f"there is no spool at {site.config.spool.path}")
    try:
        return order.targets(read_queue(site.config.spool.path) if order.every else ())
    except SpoolError as error:
        raise ValueError(str(error)) from None


def _form(request: Request) -> FormData:
    form: FormData = request.state.form
    return form


def _destinations(
    config: Config,
    activity: Activity,
    look: Look,
    deliveries: list[tuple[Entry, DeliveryRecord]],
) -> list[dict[str, Any]]:
    """Return how each destination stands: of the configuration, and what else objects wait for."""
    states = dict(activity.destinations)
    if not activity.running and look.complete and look.at:
        # Orders may have been carried out since the node spoke last.
        states = {
            name: _counted(deliveries, name, states.get(name, DestinationState()))
            for name in {*states, *(it.destination for _, it in deliveries)}
        }
    configured = {it.name: it for it in config.destinations}
    open_ = Counter(it.destination for it in activity.outgoing)
    found = []
    for name in (*configured, *sorted(states.keys() - configured.keys())):
        destination, state = configured.get(name), states.get(name, DestinationState())
        if destination is None and not (state.waiting or state.retrying or state.dead):
            continue
        found.append(
            {
                "name": name,
                "ae_title": destination.ae_title if destination else "",
                "address": f"{destination.host}:{destination.port}" if destination else "",
                "configured": destination is not None,
                "waiting": state.waiting,
                "in_hand": state.in_hand,
                "retrying": state.retrying,
                "dead": state.dead,
                "oldest_at": _moment(state.oldest_at),
                "next_try_at": _moment(state.next_try_at),
                "answered_at": _moment(state.answered_at),
                "failed_at": _moment(state.failed_at),
                "failure": state.failure,
                "reachable": state.reachable,
                "associations": open_[name],
            }
        )
    return found


def _counted(
    deliveries: list[tuple[Entry, DeliveryRecord]], name: str, known: DestinationState
) -> DestinationState:
    """Return how a destination stands by the spool alone, and what is `known` of its tries."""
    mine = [(entry, it) for entry, it in deliveries if it.destination == name]
    statuses = Counter(it.status for _, it in mine)
    return DestinationState(
        waiting=statuses[DeliveryStatus.PENDING],
        retrying=statuses[DeliveryStatus.FAILED],
        dead=statuses[DeliveryStatus.DEAD],
        oldest_at=min((entry.envelope.received_at for entry, it in mine if not it.final),
                      default=None),
        answered_at=known.answered_at,
        failed_at=known.failed_at,
        failure=known.failure,
    )  # fmt: skip


def _delivery(entry: Entry, delivery: DeliveryRecord) -> dict[str, Any]:
    envelope = entry.envelope
    return {
        "object_id": entry.object_id,
        "received_at": iso(envelope.received_at),
        "calling_ae": envelope.calling_ae,
        "sop_instance_uid": envelope.sop_instance_uid,
        "size": entry.size,
        "destination": delivery.destination,
        "status": delivery.status.value,
        "tries": delivery.tries,
        "at": iso(delivery.at),
        "detail": delivery.detail,
        "next_try_at": _moment(delivery.next_try_at),
    }


def _pick(delivery: Mapping[str, Any]) -> str:
    """Return the id of a delivery's checkbox: the same each time, and fit for a CSS selector."""
    return f"pick-{delivery['object_id']}-{zlib.crc32(delivery['destination'].encode()):08x}"


def _reasons(deliveries: list[tuple[Entry, DeliveryRecord]]) -> list[dict[str, Any]]:
    """Return why deliveries failed, the most frequent reasons first."""
    counted = Counter(
        (it.detail, it.destination) for _, it in deliveries if it.status in TROUBLE and it.detail
    )
    return [
        {"reason": reason, "destination": name, "deliveries": count}
        for (reason, name), count in counted.most_common(_REASONS)
    ]


def _moment(at: float | None) -> str | None:
    return None if at is None else iso(at)
