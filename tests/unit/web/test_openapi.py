"""The API and its description: schemathesis asks every operation what the description allows."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from atlas_node.config import load_config
from atlas_node.log import LogStore
from atlas_node.web import create_app
from atlas_node.web.means import Means
from atlas_node.web.openapi import api_routes
from atlas_node.web.operation import operation_of
from atlas_node.web.passwords import hash_token
from tests.scan_log import fill

CONFIG = f"""
web: {{tokens: [{{name: schemathesis, role: operator, token_hash: '{hash_token("token")}'}}]}}
log: {{url: 'sqlite:///log.db'}}
destinations: [{{name: pacs, ae_title: PACS, host: 127.0.0.1, port: 11113}}]
upstreams: [{{name: archive, ae_title: ARCHIVE, host: 127.0.0.1, port: 4242}}]
"""
EXAMPLES = 8
TOKEN = {"Authorization": "Bearer token"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """The API of a viewer over a log of real objects, as an operator's program sees it."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "config.yaml").write_text(CONFIG)
    config = load_config(folder / "config.yaml", {})
    with LogStore.open(config.log.url) as store:
        fill(store)
        means = Means(echo=lambda peer: None, reload=lambda: None)
        app = create_app(store, config, means)
        yield schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=TOKEN)


def ask(operation, mode, examples):
    """Send an operation requests that its description allows, or (negative) forbids."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case):
        case.call_and_validate(headers=TOKEN, checks=CHECKS)

    each()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_what_the_description_says(api, mode):
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) > 10
    for operation in operations:
        if mode is GenerationMode.POSITIVE or operation.body or len(operation.query):
            ask(operation, mode, EXAMPLES)


def test_every_route_of_the_api_is_described(store, browse):
    lacking = [
        route.path
        for route in api_routes(browse(store).app.routes)
        if operation_of(route.endpoint) is None
    ]

    assert lacking == []


def test_the_page_lists_every_operation(store, browse):
    client = browse(store)
    page = client.get("/api").text

    for path in client.get("/api/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in page
