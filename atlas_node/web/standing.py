"""How the node stands: rates, latency, spool, log, peers, dictionary and processes, as data.

The page `status` shows it. Everything comes from what the processes publish and from the
configuration; nobody is called but by `Standing.ask`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any, Final, Literal

from starlette.exceptions import HTTPException

from atlas_dictionary import Dictionary, DictionaryError
from atlas_dictionary.reader import FileDictionary
from atlas_node import __version__
from atlas_node.activity import Activity, Interval, Metric, read_activity
from atlas_node.activity.metrics import (
    DELIVERY_SECONDS,
    ELEMENTS,
    LOG_LAG_SECONDS,
    LOG_WAITING,
    RECEIVE_SECONDS,
    RECORD_SECONDS,
)
from atlas_node.config import Destination, Upstream
from atlas_node.errors import AtlasError, LogError
from atlas_node.model import ElementStatus
from atlas_node.web.health import spool_view
from atlas_node.web.site import Site
from atlas_node.web.summary import iso

Kind = Literal["destination", "upstream"]

_MINUTE: Final = 6  # intervals of 10 s


@dataclass(frozen=True, slots=True)
class Answer:
    """How a peer answered when an operator had it asked.

    Attributes
    ----------
    at : str
    ok : bool
    detail : str
        Why not.
    milliseconds : int
    """

    at: str
    ok: bool
    detail: str
    milliseconds: int


class Standing:
    """What the page shows, and what it remembers between requests: the answers of peers.

    Parameters
    ----------
    site : Site
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._answers: dict[tuple[Kind, str], Answer] = {}
        self._asking = threading.Lock()
        self._contents: tuple[Dictionary, dict[str, Any]] | None = None

    def view(self) -> dict[str, Any]:
        """Return all of it but the audit trail."""
        config = self._site.config
        activity = read_activity(config.spool.path)
        return {
            "at": iso(time.time()),
            "version": __version__,
            "running": activity.running,
            "started_at": _started_at(activity),
            "node": {
                "ae_title": config.node.ae_title,
                "host": config.node.host,
                "port": config.node.port,
                "workers": config.node.workers,
                "tls": config.node.tls is not None,
            },
            "last_minute": rates(activity.history[-_MINUTE - 1 : -1]),
            "history": [asdict(it) | {"at": iso(it.at)} for it in activity.history],
            "latency": {
                "receive": quantiles(activity, RECEIVE_SECONDS),
                "delivery": quantiles(activity, DELIVERY_SECONDS),
                "record": quantiles(activity, RECORD_SECONDS),
            },
            "elements": {
                it.value: int(activity.value(ELEMENTS, it.value)) for it in ElementStatus
            },
            "spool": spool_view(activity, config.spool),
            "log": self._log(activity),
            "destinations": [
                self._destination(it, activity) for it in config.destinations
            ],
            "upstreams": [self._peer("upstream", it) for it in config.upstreams],
            "dictionary": self._dictionary(),
            "processes": [
                {
                    "name": it.name, "pid": it.pid, "state": it.state, "version": it.version,
                    "started_at": iso(it.started_at), "at": iso(it.at),
                }
                for it in activity.processes
            ],
        }  # fmt: skip

    @property
    def can_ask(self) -> bool:
        """Whether peers can be asked."""
        return self._site.means.echo is not None

    def ask(self, kind: Kind, name: str) -> Answer:
        """Ask a peer by C-ECHO, one at a time.

        Raises
        ------
        HTTPException
            404: there is no such peer; 409: another one is being asked; 501: not from here.
        """
        config = self._site.config
        peers: Sequence[Destination | Upstream] = (
            config.destinations if kind == "destination" else config.upstreams
        )
        peer = next((it for it in peers if it.name == name), None)
        if peer is None:
            raise HTTPException(404, f"The configuration has no {kind} of that name.")
        echo = self._site.means.echo
        if echo is None:
            raise HTTPException(501, "This viewer stands alone and cannot ask the network.")
        if not self._asking.acquire(blocking=False):
            raise HTTPException(409, "Another peer is being asked; try again when it has answered.")
        begun, ok, detail = time.perf_counter(), True, ""
        try:
            echo(peer)
        except AtlasError as error:
            ok, detail = False, str(error)
        finally:
            self._asking.release()
        took = round((time.perf_counter() - begun) * 1000)
        answer = Answer(iso(time.time()), ok, detail, took)
        self._answers[kind, name] = answer
        return answer

    def _peer(self, kind: Kind, peer: Destination | Upstream) -> dict[str, Any]:
        answer = self._answers.get((kind, peer.name))
        return {
            "name": peer.name,
            "ae_title": peer.ae_title,
            "host": peer.host,
            "port": peer.port,
            "tls": peer.tls is not None,
            "asked": asdict(answer) if answer else None,
        }

    def _destination(self, destination: Destination, activity: Activity) -> dict[str, Any]:
        state = activity.destinations.get(destination.name)
        return self._peer("destination", destination) | {
            "reachable": state.reachable if state else None,
            "answered_at": iso(state.answered_at) if state and state.answered_at else None,
            "failed_at": iso(state.failed_at) if state and state.failed_at else None,
            "failure": state.failure if state else "",
            "waiting": state.waiting if state else 0,
            "retrying": state.retrying if state else 0,
            "dead": state.dead if state else 0,
        }

    def _log(self, activity: Activity) -> dict[str, Any]:
        store, settings = self._site.store, self._site.config.log
        error, newest = "", 0
        try:
            newest = store.newest()
        except LogError as failure:
            error = str(failure)
        return {
            "place": store.place,
            "error": error,
            "newest": newest,
            "waiting": int(activity.value(LOG_WAITING)),
            "lag_seconds": round(activity.value(LOG_LAG_SECONDS), 3),
            "values": settings.values,
            "retention_days": settings.retention.days,
        }

    def _dictionary(self) -> dict[str, Any]:
        """Return what the dictionary says of itself; counted once."""
        try:
            dictionary = self._site.dictionary
        except DictionaryError as error:
            return {"error": str(error), "entries": 0, "layers": []}
        if self._contents is None or self._contents[0] is not dictionary:
            self._contents = dictionary, _contents(dictionary)
        return self._contents[1]


def rates(intervals: Sequence[Interval]) -> dict[str, float]:
    """Return objects and bytes a second over some intervals of 10 s."""
    seconds = 10 * len(intervals) or 1
    return {
        name: round(sum(getattr(it, name) for it in intervals) / seconds, 2)
        for name in ("objects", "bytes", "delivered", "recorded")
    }


def quantiles(activity: Activity, metric: Metric) -> dict[str, float | None]:
    """Return the median and the 95th percentile of the last ten minutes, in seconds.

    Over all labels. Within a bucket values count as evenly spread; above the last bound it is that
    bound.
    """
    bounds = (*metric.buckets, float("inf"))
    totals = tuple(accumulate(activity.recent.get(metric.name, ())))
    return {
        "count": totals[-1] if totals else 0,
        "p50": _quantile(bounds, totals, 0.5),
        "p95": _quantile(bounds, totals, 0.95),
    }


def _quantile(bounds: Sequence[float], totals: Sequence[int], share: float) -> float | None:
    if not totals or not totals[-1]:
        return None
    wanted = share * totals[-1]
    below, before = 0.0, 0
    for bound, total in zip(bounds, totals, strict=True):
        if total >= wanted:
            if bound == float("inf"):
                return below
            return round(below + (bound - below) * (wanted - before) / (total - before), 6)
        below, before = bound, total
    return below


def _started_at(activity: Activity) -> str | None:
    started = [it.started_at for it in activity.processes if it.state == "serving"]
    return iso(min(started)) if started else None


def _contents(dictionary: Dictionary) -> dict[str, Any]:
    layers = getattr(dictionary, "layers", (dictionary,))
    return {
        "error": "",
        "entries": len(dictionary),
        "layers": [
            {
                "file": layer.container.name,
                "format": f"{layer.container.major}.{layer.container.minor}",
                "checksum": f"{layer.container.body_crc:08x}",
                "entries": len(layer),
            }
            for layer in layers
            if isinstance(layer, FileDictionary)
        ],
    }
