"""/metrics: what the processes of the node have counted, in the text format of Prometheus.

The numbers are those of `atlas_node.activity`; this names them ``atlas_...`` and adds what the
viewer itself knows. deploy/grafana has a dashboard and alerts over these names. The rule: labels
have few values, and never one that a peer chose.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atlas_dictionary import DictionaryError
from atlas_node import __version__
from atlas_node.activity import METRICS, Activity, read_activity
from atlas_node.web.health import free_bytes, log_state
from atlas_node.web.site import Site

PREFIX: Final = "atlas_"
_FAMILIES: Final = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


def routes(site: Site) -> list[Route]:
    """Return the address that Prometheus asks."""

    def metrics(request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(_Node(site)), headers={"Content-Type": media_type})

    return [Route("/metrics", metrics)]


class _Node(Collector):
    """What the encoder of prometheus-client takes the place of a registry from."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def collect(self) -> Iterable[Metric]:
        yield from counted(read_activity(self._site.config.spool.path))
        yield from known(self._site)


def counted(activity: Activity) -> Iterable[Metric]:
    """Yield the metrics of the processes; each is there, also where nothing was counted."""
    families: dict[str, Metric] = {
        it.name: _FAMILIES[it.kind](PREFIX + it.name, it.help, labels=it.labels) for it in METRICS
    }
    for sample in activity.samples():
        family = families[sample.metric.name]
        if isinstance(family, HistogramMetricFamily):
            buckets = [(_written(bound), count) for bound, count in sample.buckets]
            family.add_metric(sample.labels, buckets, sample.sum)
        elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
            family.add_metric(sample.labels, sample.value)
    return families.values()


def known(site: Site) -> Iterable[Metric]:
    """Yield what the viewer knows without the processes."""
    build = GaugeMetricFamily(PREFIX + "build_info", "The program.", labels=("version",))
    build.add_metric((__version__,), 1)
    yield build
    yield GaugeMetricFamily(
        PREFIX + "log_readable",
        "Whether the annotation log can be read.",
        value=float(log_state(site) == "ok"),
    )
    yield GaugeMetricFamily(
        PREFIX + "spool_max_bytes", "Limit of the spool.", value=site.config.spool.limits.max_bytes
    )
    yield GaugeMetricFamily(
        PREFIX + "spool_max_objects",
        "Limit of the spool.",
        value=site.config.spool.limits.max_objects,
    )
    free = free_bytes(site.config.spool)
    if free is not None:
        yield GaugeMetricFamily(
            PREFIX + "spool_free_bytes", "Bytes free on the disk of the spool.", value=free
        )
    try:
        entries = len(site.dictionary)
    except DictionaryError:
        return
    yield GaugeMetricFamily(
        PREFIX + "dictionary_entries", "Entries of the dictionary.", value=entries
    )


def _written(bound: float) -> str:
    """Return an upper bound as the text format has it."""
    return "+Inf" if bound == float("inf") else str(bound)
