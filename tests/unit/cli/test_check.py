import json
import socket
from contextlib import closing

import pytest
import yaml
from typer.testing import CliRunner

from atlas_node.cli import app
from atlas_node.spool import prepare_spool
from tests.certificates import certificate
from tests.fault.pacs import Pacs
from tests.ports import free_port


@pytest.fixture
def check(tmp_path):
    """Run ``atlas-node check`` over a configuration."""

    def run(*options, **sections):
        path = tmp_path / "config.yaml"
        config = {
            "node": {"port": free_port(), "timeouts": {"connect": 30, "acse": 30, "dimse": 30}},
            "web": {"port": free_port()},
            "spool": {"path": "spool"},
            "log": {"url": "sqlite:///log.db"},
            "routes": [{"to": ["log"]}],
        }
        for name, section in sections.items():
            both = isinstance(section, dict) and isinstance(config.get(name), dict)
            config[name] = config[name] | section if both else section
        path.write_text(yaml.safe_dump(config))
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
        "configuration", "spool", "dictionary", "log", "listener", "viewer", "destination",
        "upstream",
    ]  # fmt: skip
    assert found["destination", "pacs"]["detail"] == "answers C-ECHO"
    assert found["destination", "pacs"]["address"] == f"PACS at 127.0.0.1:{pacs.port}"
    assert 0 < found["upstream", "archive"]["seconds"] < 60


def test_an_unreachable_destination_is_said_and_fails_the_check(check):
    port = free_port()
    result = check("--json", destinations=[peer("pacs", port)])
    assert result.exit_code == 1
    found = findings(result)
    assert found["destination", "pacs"]["detail"] == "cannot connect: Connection refused"
    assert [it["ok"] for it in found.values()] == [True] * 6 + [False]


def test_the_table_names_each_part_on_a_line_of_its_own(check):
    result = check(destinations=[peer("pacs", free_port())])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert len(lines) == 8
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


@pytest.fixture
def paths(tmp_path):
    certificate(tmp_path, "other")
    return certificate(tmp_path, "node")


def section(certificate, key, **more):
    return {"certificate": str(certificate), "key": str(key), **more}


def test_listener_and_viewer_are_checked_with_their_certificates(check, paths):
    port = free_port()
    result = check(
        "--json",
        node={"port": port, "tls": section(*paths, verify_peer=False)},
        web={"port": free_port(), "tls": section(*paths)},
        peers=[{"ae_title": "CT1", "report_to": {"port": 104, "tls": section(*paths)}}],
    )
    assert result.exit_code == 0
    found = findings(result)
    assert found["listener", "ATLAS"]["address"] == f"127.0.0.1:{port}"
    assert found["listener", "ATLAS"]["detail"] == "the port is free; the TLS files can be used"
    assert found["viewer", ""]["detail"] == "the port is free; the TLS files can be used"
    assert found["peer", "CT1"]["detail"] == "the TLS files can be used"


UNUSABLE = [
    pytest.param("nope.pem", "node.key", "No such file or directory", id="missing certificate"),
    pytest.param("node.crt", "nope.key", "No such file or directory", id="missing key"),
    pytest.param("node.crt", "other.key", "key values mismatch", id="another's key"),
    pytest.param("config.yaml", "node.key", "in PEM", id="no PEM"),
]


@pytest.mark.parametrize(("crt", "key", "why"), UNUSABLE)
def test_a_listener_whose_tls_files_cannot_be_used_fails_the_check(
    check, paths, tmp_path, crt, key, why
):
    tls = section(tmp_path / crt, tmp_path / key)
    report_to = {"port": 104, "tls": tls}
    result = check(
        "--json", node={"tls": tls}, web={"tls": tls},
        peers=[{"ae_title": "CT1", "report_to": report_to}],
    )  # fmt: skip
    assert result.exit_code == 1
    failed = {it for it, finding in findings(result).items() if not finding["ok"]}
    assert failed == {("listener", "ATLAS"), ("viewer", ""), ("peer", "CT1")}
    detail = findings(result)["listener", "ATLAS"]["detail"]
    assert why in detail
    assert (crt if "nope" not in key else key) in detail


def test_ports_in_use_fail_the_check_unless_a_node_is_running(check, tmp_path):
    address = ("127.0.0.1", 0)
    with socket.create_server(address) as one, socket.create_server(address) as another:
        port = one.getsockname()[1]
        sections = {"node": {"port": port}, "web": {"port": another.getsockname()[1]}}
        result = check("--json", **sections)
        assert result.exit_code == 1
        found = findings(result)
        assert found["listener", "ATLAS"]["detail"].startswith(f"cannot listen on 127.0.0.1:{port}")
        assert "Address already in use" in found["viewer", ""]["detail"]
        with closing(prepare_spool(tmp_path / "spool", 1)):
            result = check("--json", **sections)
    assert result.exit_code == 0
    for finding in [findings(result)[it] for it in (("listener", "ATLAS"), ("viewer", ""))]:
        assert finding["detail"] == "the port is in use, and a node is running on the spool"


def test_a_viewer_that_is_not_enabled_is_not_checked(check):
    with socket.create_server(("127.0.0.1", 0)) as other:
        result = check("--json", web={"enabled": False, "port": other.getsockname()[1]})
    assert result.exit_code == 0
    assert ("viewer", "") not in findings(result)


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
