import json

import pytest
import yaml
from typer.testing import CliRunner

from atlas_node.cli import app
from atlas_node.spool import prepare_spool
from tests.fault.pacs import Pacs, free_port


@pytest.fixture
def check(tmp_path):
    """Run ``atlas-node check`` over a configuration."""

    def run(*options, **sections):
        path = tmp_path / "config.yaml"
        config = {
            "node": {"timeouts": {"connect": 2, "acse": 2, "dimse": 2}},
            "spool": {"path": "spool"},
            "log": {"url": "sqlite:///log.db"},
            "routes": [{"to": ["log"]}],
        }
        path.write_text(yaml.safe_dump(config | sections))
        return CliRunner().invoke(app, ["check", "-c", str(path), *options])

    return run


def peer(name, port):
    return {"name": name, "ae_title": name.upper(), "host": "127.0.0.1", "port": port}


def findings(result):
    return {(it["part"], it["name"]): it for it in json.loads(result.stdout)["checks"]}


def test_all_is_well(check):
    with Pacs() as pacs:
        result = check(
            "--json",
            destinations=[peer("pacs", pacs.port)],
            upstreams=[peer("archive", pacs.port)],
        )
    assert result.exit_code == 0
    assert json.loads(result.stdout)["ok"]
    found = findings(result)
    assert [part for part, _ in found] == [
        "configuration", "spool", "dictionary", "log", "destination", "upstream",
    ]  # fmt: skip
    assert found["destination", "pacs"]["detail"] == "answers C-ECHO"
    assert found["destination", "pacs"]["address"] == f"PACS at 127.0.0.1:{pacs.port}"
    assert 0 < found["upstream", "archive"]["seconds"] < 10


def test_an_unreachable_destination_is_said_and_fails_the_check(check):
    port = free_port()
    result = check("--json", destinations=[peer("pacs", port)])
    assert result.exit_code == 1
    found = findings(result)
    assert found["destination", "pacs"]["detail"] == "cannot connect: Connection refused"
    assert [it["ok"] for it in found.values()] == [True] * 4 + [False]


def test_the_table_names_each_part_on_a_line_of_its_own(check):
    result = check(destinations=[peer("pacs", free_port())])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert len(lines) == 6
    assert lines[-1].split()[:3] == ["FAILED", "destination", "pacs"]
    assert "Connection refused" in lines[-1]


def test_a_running_node_is_no_fault(check, tmp_path):
    lock = prepare_spool(tmp_path / "spool", 1)
    result = check("--json")
    lock.close()
    assert result.exit_code == 0
    assert findings(result)["spool", ""]["detail"] == "a node is running on it"


@pytest.mark.parametrize(
    ("part", "sections"),
    [
        ("spool", {"spool": {"path": "config.yaml/spool"}}),
        ("log", {"log": {"url": "sqlite:///config.yaml/log.db"}}),
        ("dictionary", {"dictionary": {"paths": ["nowhere.atd"]}}),
    ],
)
def test_a_part_that_cannot_be_used_is_said_and_the_others_are_checked(check, part, sections):
    result = check("--json", **sections)
    assert result.exit_code == 1
    assert [name for (name, _), it in findings(result).items() if not it["ok"]] == [part]


def test_tls_files_that_cannot_be_used_fail_their_destination(check):
    tls = {"certificate": "nowhere.crt", "key": "nowhere.key"}
    result = check("--json", destinations=[peer("pacs", free_port()) | {"tls": tls}])
    assert result.exit_code == 1
    assert "nowhere.crt" in findings(result)["destination", "pacs"]["detail"]


def test_a_configuration_without_routes_fails_the_check(check):
    done = check("--json", routes=[])
    assert done.exit_code == 1
    (finding,) = [it for it in json.loads(done.output)["checks"] if not it["ok"]]
    assert finding["part"] == "routes"
    assert "add a route" in finding["detail"]


def test_keys_of_the_index_that_cannot_be_searched_are_named(check):
    keys = [("SIEMENS MR HEADER", "0019", "xx0c"), ("SIEMENS MR HAEDER", "0019", "xx0c"),
            ("SIEMENS CSA HEADER", "0029", "xx10")]  # fmt: skip
    index = [{"creator": creator, "group": g, "element": e} for creator, g, e in keys]
    result = check("--json", query={"index": index})
    assert result.exit_code == 1
    found = [it for it in json.loads(result.stdout)["checks"] if it["part"] == "index"]
    assert [(it["address"], it["name"], it["ok"]) for it in found] == [
        ("SIEMENS MR HAEDER", "(0019,xx0c)", False),
        ("SIEMENS CSA HEADER", "(0029,xx10)", False),
    ]
    assert "creator unknown" in found[0]["detail"]
    assert "has VR OB" in found[1]["detail"]
