"""What deploy/ ships fits the project and itself, as far as no container engine is needed."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from atlas_node.config import Config, load_config
from atlas_node.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
ATLAS: dict[str, Any] = COMPOSE["services"]["atlas"]
ORTHANC: dict[str, Any] = json.loads((DEPLOY / "compose/orthanc.json").read_text(encoding="utf-8"))


def environment() -> dict[str, str]:
    """The node's environment as compose makes it when the password is ``*1: #``."""
    required = re.compile(r"\$\{(\w+):\?[^}]*\}")
    return {key: required.sub("*1: #", value) for key, value in ATLAS["environment"].items()}


def compose_config() -> Config:
    return load_config(DEPLOY / "compose/atlas.yaml", environment())


def unit(section: str) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(DEPLOY / "systemd/atlas-node.service")
    return dict(parser[section])


def dockerfile() -> list[tuple[str, str]]:
    """The instructions with their arguments, continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def instruction(name: str) -> str:
    """The arguments of the last instruction of this name: the one that holds."""
    return [arguments for found, arguments in dockerfile() if found == name][-1]


# Compose


def test_compose_names_files_that_exist() -> None:
    binds = [
        volume.split(":")[0]
        for service in COMPOSE["services"].values()
        for volume in service["volumes"]
        if volume.startswith(".")
    ]
    assert len(binds) == 2
    assert [path for path in binds if not (DEPLOY / path).is_file()] == []
    assert ((DEPLOY / ATLAS["build"]["context"]) / ATLAS["build"]["dockerfile"]).is_file()


def test_compose_declares_the_volumes_it_uses() -> None:
    used = {
        volume.split(":")[0]
        for service in COMPOSE["services"].values()
        for volume in service["volumes"]
        if not volume.startswith(".")
    }
    assert used == set(COMPOSE["volumes"])


def test_configuration_of_the_node_loads_with_the_environment_of_compose() -> None:
    config = compose_config()
    assert config.web.auth is not None
    assert config.web.auth.password.get_secret_value() == "*1: #"


def test_configuration_of_the_node_is_refused_without_a_password() -> None:
    with pytest.raises(ConfigurationError, match=r"web\.auth\.password: missing"):
        load_config(DEPLOY / "compose/atlas.yaml", {})


def test_node_and_orthanc_agree_on_titles_hosts_and_ports() -> None:
    config = compose_config()
    for peer in (*config.destinations, *config.upstreams):
        assert peer.host in COMPOSE["services"]
        assert (peer.ae_title, peer.port) == (ORTHANC["DicomAet"], ORTHANC["DicomPort"])
    title, host, port = ORTHANC["DicomModalities"]["atlas"]
    assert (title, port) == (config.node.ae_title, config.node.port)
    assert COMPOSE["services"][host] is ATLAS


def test_orthanc_takes_private_sop_classes_and_keeps_its_data_on_the_volume() -> None:
    assert ORTHANC["UnknownSopClassAccepted"] is True
    target = next(v for v in COMPOSE["services"]["orthanc"]["volumes"] if v[0] != ".").split(":")[1]
    assert ORTHANC["StorageDirectory"] == ORTHANC["IndexDirectory"] == target


def test_published_ports_are_those_of_the_configurations() -> None:
    config = compose_config()
    inside = {
        int(port.split(":")[-1])
        for service in COMPOSE["services"].values()
        for port in service["ports"]
    }
    assert inside == {config.node.port, config.web.port, ORTHANC["HttpPort"]}
    viewer = next(port for port in ATLAS["ports"] if port.endswith(f":{config.web.port}"))
    assert viewer.startswith("127.0.0.1:")


def test_what_must_last_is_on_the_volume_of_the_image() -> None:
    config = compose_config()
    volume = instruction("VOLUME")
    assert f"atlas:{volume}" in ATLAS["volumes"]
    assert config.spool.path.is_relative_to(volume)
    assert config.log.url.startswith(f"sqlite:///{volume}/")


def test_compose_waits_longer_than_the_node_drains() -> None:
    grace = int(ATLAS["stop_grace_period"].removesuffix("s"))
    assert grace > compose_config().node.timeouts.drain


# Image


def test_dockerfile_copies_paths_that_exist_and_are_in_its_context() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    sources = {
        source
        for name, arguments in dockerfile()
        if name == "COPY"
        for source in shlex.split(arguments)[:-1]
    }
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert sources == allowed


def test_image_holds_every_package_of_the_project() -> None:
    copied = " ".join(arguments for name, arguments in dockerfile() if name == "COPY").split()
    packages = [path.parent for path in ROOT.glob("*/py.typed")]
    packages += [path.parent for path in ROOT.glob("[!.]*/*/py.typed")]
    assert len(packages) == 3
    assert [p for p in packages if str(p.relative_to(ROOT)) not in copied] == []


def test_image_does_not_run_as_root() -> None:
    user = instruction("USER")
    assert user not in ("root", "0")
    created = [args for name, args in dockerfile() if name == "RUN" and "useradd" in args]
    assert created[-1].split()[-1] == user


def test_image_stops_like_the_node_and_looks_where_the_viewer_is() -> None:
    config = compose_config()
    assert instruction("STOPSIGNAL") == "SIGTERM"
    assert instruction("EXPOSE").split() == [str(config.node.port), str(config.web.port)]
    command = json.loads(instruction("HEALTHCHECK").split("CMD ", 1)[1])
    assert f"http://127.0.0.1:{config.web.port}/healthz" in command[-1]
    compile(command[-1], "health check", "exec")


def test_image_starts_with_the_configuration_that_compose_mounts() -> None:
    command = json.loads(instruction("ENTRYPOINT")) + json.loads(instruction("CMD"))
    assert command[:3] == ["atlas-node", "serve", "-c"]
    assert f"./compose/atlas.yaml:{command[3]}:ro" in ATLAS["volumes"]


# systemd


def test_configuration_of_the_unit_loads() -> None:
    config = load_config(DEPLOY / "systemd/config.yaml", {})
    state = f"/var/lib/{unit('Service')['StateDirectory']}"
    assert config.spool.path.is_relative_to(state)
    assert config.log.url.startswith(f"sqlite:///{state}/")
    assert int(unit("Service")["TimeoutStopSec"]) > config.node.timeouts.drain


def test_unit_starts_reloads_and_stops_the_node() -> None:
    service = unit("Service")
    program, *arguments = shlex.split(service["ExecStart"])
    assert Path(program).name == "atlas-node"
    assert arguments == ["serve", "-c", "/etc/atlas-node/config.yaml"]
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["KillSignal"] == "SIGTERM"
    assert service["Restart"] == "on-failure"


def test_unit_is_hardened() -> None:
    service = unit("Service")
    assert service["User"] not in ("root", "0")
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
    switches = ("NoNewPrivileges", "PrivateDevices", "PrivateTmp", "ProtectHome",
                "ProtectControlGroups", "ProtectKernelModules", "ProtectKernelTunables",
                "RestrictSUIDSGID", "RestrictNamespaces", "LockPersonality")  # fmt: skip
    assert [name for name in switches if service[name] != "yes"] == []


def test_unit_runs_as_the_user_that_is_created() -> None:
    kind, user, *_ = (DEPLOY / "systemd/atlas-node.sysusers").read_text(encoding="utf-8").split()
    assert (kind, user) == ("u", unit("Service")["User"])


# The document


def test_document_names_files_that_exist() -> None:
    text = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    named = set(re.findall(r"deploy/[\w./-]*\w", text))
    assert {"deploy/compose.yaml", "deploy/systemd/atlas-node.service"} <= named
    assert [name for name in named if not (ROOT / name).exists()] == []
