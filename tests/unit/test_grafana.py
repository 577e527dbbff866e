"""The dashboard and the alerts in deploy/grafana ask for metrics that /metrics has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from atlas_node.activity import METRICS
from atlas_node.config import load_config
from atlas_node.log import LogStore
from atlas_node.web import create_app

FOLDER = Path(__file__).parents[2] / "deploy/grafana"
DASHBOARD = json.loads((FOLDER / "atlas-node.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
LABELS = {f"atlas_{metric.name}": set(metric.labels) for metric in METRICS}
SUFFIX = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    variables = [
        variable["query"] for variable in DASHBOARD["templating"]["list"]
        if variable["type"] == "query"
    ]  # fmt: skip
    alerts = [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
    return [*panels, *variables, *alerts]


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names as queries have them, of a node that has counted nothing yet."""
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "config.yaml").write_text("log: {url: 'sqlite:///log.db'}\n")
    config = load_config(folder / "config.yaml", {})
    config.spool.path.mkdir(parents=True)
    with LogStore.open(config.log.url) as store:
        client = TestClient(create_app(store, config), base_url="http://127.0.0.1")
        text = client.get("/metrics").text
    return {
        family.name + suffix
        for family in text_string_to_metric_families(text)
        for suffix in SUFFIX[family.type]
    }


def test_every_metric_that_is_asked_for_is_there(exposed: set[str]) -> None:
    asked = {name for each in expressions() for name in re.findall(r"\batlas_\w+", each)}

    assert len(asked) > 15
    assert asked - exposed == set()


def test_every_metric_of_the_node_is_on_the_dashboard() -> None:
    shown = str(DASHBOARD) + str(ALERTS)

    assert [it.name for it in METRICS if f"atlas_{it.name}" not in shown] == []


def test_conditions_and_groups_are_labels_of_their_metric() -> None:
    scraped = {"job", "instance", "le", "version"}
    for each in expressions():
        for name, conditions in re.findall(r"\b(atlas_\w+?)(?:_total|_bucket)?\{([^}]*)\}", each):
            asked = set(re.findall(r"(\w+)(?==|!=|=~)", conditions))
            assert asked - scraped <= LABELS.get(name, set()), each
        for labels in re.findall(r"by \(([^)]*)\)", each):
            names = re.findall(r"\b(atlas_\w+?)(?:_total|_bucket)?\{", each)
            known = set().union(*(LABELS.get(name, set()) for name in names))
            assert {it.strip() for it in labels.split(",")} <= known | scraped | {"status"}, each


def test_panels_do_not_overlap() -> None:
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_alerts_say_what_is_wrong_and_how_bad_it_is() -> None:
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"]]

    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]


def test_prometheus_asks_as_the_viewer_wants_it() -> None:
    [job] = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))[
        "scrape_configs"
    ]

    assert job["job_name"] == "atlas-node"
    assert "credentials_file" in job["authorization"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8080"]}]
