"""The configuration: what is accepted, and the one line that each fault gets."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.config import Config, Destination, load_config, settings_table
from atlas_node.errors import ConfigurationError
from atlas_node.model import Policy

ROOT = Path(__file__).parents[2]

COMPLETE = """
node: {ae_title: ATLAS, host: 127.0.0.1, port: 11112, workers: 2}
spool: {path: ./var/spool, durability: os}
log: {url: "sqlite:///var/log.db"}
destinations:
  - {name: pacs, ae_title: PACS, host: 127.0.0.1, port: 11113}
upstreams:
  - {name: archive, ae_title: ARCHIVE, host: 127.0.0.1, port: 4242}
routes:
  - {to: [pacs]}                       # no match given: every object
web: {enabled: true, host: 127.0.0.1, port: 8080}
"""

PACS = "destinations: [{name: pacs, ae_title: PACS, host: pacs.example, port: 104}]\n"


def load(folder: Path, text: str, **env: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, env)


def faults(folder: Path, text: str, **env: str) -> list[str]:
    """The lines of the error, without the folder."""
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text, **env)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_complete_configuration_loads(tmp_path: Path) -> None:
    config = load(tmp_path, COMPLETE)
    assert config.node.workers == 2
    assert config.destinations == (
        Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=11113),
    )
    assert [route.to for route in config.routes] == [("pacs",)]
    assert config.upstreams[0].name == "archive"
    assert config.annotate.policy is Policy.DECODE
    assert config.spool.limits.max_bytes == 50 * 2**30


def test_shipped_configuration_is_the_complete_one_with_comments() -> None:
    shipped = (ROOT / "config.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(shipped) == yaml.safe_load(COMPLETE)


def test_comments_in_the_shipped_configuration_are_valid_settings(tmp_path: Path) -> None:
    shipped = (ROOT / "config.yaml").read_text(encoding="utf-8")
    _, body = shipped.split("\n\n", 1)
    settings = [
        line.removeprefix("# ") if line.startswith(("# peers:", "#   -", "# dict", "#   paths"))
        else line.replace("#  -", "  -", 1) if line.startswith("#  -") else line
        for line in body.replace("# annotate: {", "annotate: {").splitlines()
    ]  # fmt: skip
    config = load(tmp_path, "\n".join(settings))
    assert [peer.ae_title for peer in config.peers] == ["MR1", "CT1"]
    assert [d.policy for d in config.destinations] == [None, Policy.OBSERVE]
    assert [route.to for route in config.routes] == [("pacs",), ("research",), ("log",)]
    assert config.routes[1].match.private_creator == ("SIEMENS*",)
    assert config.dictionary.paths == (tmp_path / "site.dic",)


def test_empty_file_has_every_default(tmp_path: Path) -> None:
    config = load(tmp_path, "# nothing yet\n")
    assert (config.node.ae_title, config.node.port) == ("ATLAS", 11112)
    assert config.peers == config.destinations == config.routes == ()


def test_section_with_only_comments_has_its_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "peers:\n  # - {ae_title: MR1}\nnode:\n").peers == ()


def test_relative_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    text = (
        "dictionary: {paths: [site.dic, /etc/atlas/other.dic]}\n"
        "node: {tls: {certificate: tls/node.pem, key: tls/node.key}}\n"
    )
    config = load(tmp_path, text)
    assert config.spool.path == tmp_path / "var/spool"
    assert config.log.url == f"sqlite:///{tmp_path}/var/log.db"
    assert config.dictionary.paths == (tmp_path / "site.dic", Path("/etc/atlas/other.dic"))
    assert config.node.tls is not None
    assert config.node.tls.certificate == tmp_path / "tls/node.pem"


def test_absolute_paths_and_other_databases_stay(tmp_path: Path) -> None:
    text = "spool: {path: /srv/spool}\nlog: {url: 'postgresql://atlas:pw@db.example/atlas'}\n"
    config = load(tmp_path, text)
    assert config.spool.path == Path("/srv/spool")
    assert config.log.url == "postgresql://atlas:pw@db.example/atlas"
    assert load(tmp_path, "log: {url: 'sqlite:////srv/log.db'}").log.url == "sqlite:////srv/log.db"


def test_without_a_path_the_file_in_the_working_directory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("node: {ae_title: HERE}", encoding="utf-8")
    config = load_config(None, {})
    assert config.node.ae_title == "HERE"
    assert config.spool.path == tmp_path / "var/spool"


@pytest.mark.parametrize(
    ("size", "expected"), [("50 GiB", 50 * 2**30), ("1.5MB", 1_500_000), ("4096", 4096), (7, 7)]
)
def test_sizes_have_units(tmp_path: Path, size: str | int, expected: int) -> None:
    config = load(tmp_path, f"spool: {{limits: {{max_bytes: {size}}}}}")
    assert config.spool.limits.max_bytes == expected


def test_match_takes_one_pattern_or_several(tmp_path: Path) -> None:
    text = PACS + "routes: [{match: {modality: MR, calling_ae: [MR*, CT1]}, to: [pacs]}]"
    match = load(tmp_path, text).routes[0].match
    assert (match.modality, match.calling_ae) == (("MR",), ("MR*", "CT1"))


# The environment


def test_environment_replaces_settings(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        COMPLETE,
        ATLAS_NODE__NODE__PORT="11114",
        ATLAS_NODE__SPOOL__PATH="elsewhere",
        ATLAS_NODE__SPOOL__LIMITS__MAX_OBJECTS="5",
        ATLAS_NODE__WEB__AUTH="{user: radiology, password: secret}",
        ATLAS_NODE__DESTINATIONS="[{name: pacs, ae_title: OTHER, host: other, port: 104}]",
        UNRELATED="1",
    )
    assert config.node.port == 11114
    assert config.node.workers == 2
    assert config.spool.path == tmp_path / "elsewhere"
    assert config.spool.limits.max_objects == 5
    assert config.web.auth is not None
    assert config.web.auth.password.get_secret_value() == "secret"
    assert [d.ae_title for d in config.destinations] == ["OTHER"]


def test_dictpath_adds_dictionaries_after_the_configured_ones(tmp_path: Path) -> None:
    text = "dictionary: {paths: [site.dic]}"
    config = load(tmp_path, text, ATLAS_DICTPATH="/opt/a.dic:/opt/b.dic:")
    assert config.dictionary.paths == (
        tmp_path / "site.dic",
        Path("/opt/a.dic"),
        Path("/opt/b.dic"),
    )


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("NODE__PROT", "1", 'node.prot: unknown key; did you mean "port"?'),
        ("NODE__PORT", "x", 'node.port: expected a port, 1 to 65535, found "x"'),
        ("ROUTES", "[{to: [pac]}]", 'routes[0].to: no destination named "pac"; '
         "the destinations are: pacs"),
    ],
)  # fmt: skip
def test_fault_in_the_environment_names_the_variable(
    tmp_path: Path, variable: str, value: str, line: str
) -> None:
    found = faults(tmp_path, COMPLETE, **{f"ATLAS_NODE__{variable}": value})
    assert found == [f"environment, ATLAS_NODE__{variable}: {line}"]


def test_environment_cannot_go_into_a_list(tmp_path: Path) -> None:
    assert faults(tmp_path, COMPLETE, ATLAS_NODE__DESTINATIONS__0="x") == [
        "environment, ATLAS_NODE__DESTINATIONS__0: destinations is no section; "
        "set the whole of it, as YAML"
    ]


# Faults of one setting

ONE_FAULT = [
    ("node:\n  prot: 1", 'config.yaml, line 2: node.prot: unknown key; did you mean "port"?'),
    ("nodes: {}", 'config.yaml, line 1: nodes: unknown key; did you mean "node"?'),
    (
        "web:\n  auth: {user: a, password: b, q: 1}",
        "config.yaml, line 2: web.auth.q: unknown key; the keys here are: user, password",
    ),
    (
        'node: {port: "104"}',
        'config.yaml, line 1: node.port: expected a port, 1 to 65535, found "104"',
    ),
    (
        "node: {port: 70000}",
        "config.yaml, line 1: node.port: expected a port, 1 to 65535, found 70000",
    ),
    (
        "node:\n  workers: 0",
        "config.yaml, line 2: node.workers: expected a whole number from 1, found 0",
    ),
    (
        "node:\n  workers: true",
        "config.yaml, line 2: node.workers: expected a whole number from 1, found true",
    ),
    (
        "node: {timeouts: {acse: .inf}}",
        "config.yaml, line 1: node.timeouts.acse: expected a number of seconds above 0, found inf",
    ),
    (
        "web: {enabled: 'yes'}",
        'config.yaml, line 1: web.enabled: expected true or false, found "yes"',
    ),
    (
        "node: {ae_title: 1234}",
        "config.yaml, line 1: node.ae_title: expected an AE title, found 1234; put it in quotes",
    ),
    (
        "node: {ae_title: ATLAS_OF_THE_HOSPITAL}",
        "config.yaml, line 1: node.ae_title: an AE title has 1 to 16 characters, this one 21",
    ),
    (
        "node: {ae_title: '   '}",
        "config.yaml, line 1: node.ae_title: an AE title has 1 to 16 characters, this one 0",
    ),
    (
        "node: {ae_title: 'A\\B'}",
        "config.yaml, line 1: node.ae_title: an AE title is printable ASCII without a backslash "
        "or control character",
    ),
    (
        'node: {ae_title: "A\\x07B"}',
        "config.yaml, line 1: node.ae_title: an AE title is printable ASCII without a backslash "
        "or control character",
    ),
    (
        "annotate: {policy: guess}",
        "config.yaml, line 1: annotate.policy: expected one of observe, decode, describe, "
        'found "guess"',
    ),
    (
        "peers:\n  - ae_title: MR1\n    services: [shout]",
        "config.yaml, line 3: peers[0].services[0]: expected one of echo, store, commit, find, "
        'get, move, found "shout"',
    ),
    (
        "peers:\n  - {ae_title: MR1, address: 192.0.2.7/24}",
        "config.yaml, line 2: peers[0].address: the address has bits set beyond its prefix; "
        "its network is 192.0.2.0/24",
    ),
    (
        "peers:\n  - {ae_title: MR1, address: scanner}",
        "config.yaml, line 2: peers[0].address: expected an IP address or a network such as "
        "192.0.2.0/24",
    ),
    (
        "destinations:\n  - {name: pacs, ae_title: PACS, host: a}",
        "config.yaml, line 2: destinations[0].port: missing; it has no default",
    ),
    (
        "destinations:\n  - {name: ../pacs, ae_title: PACS, host: a, port: 1}",
        "config.yaml, line 2: destinations[0].name: a name has 1 to 64 letters, digits, '.', '_' "
        "or '-' and begins with a letter or digit",
    ),
    (
        "destinations:\n  - {name: pacs, ae_title: PACS, host: a b, port: 1}",
        "config.yaml, line 2: destinations[0].host: expected a host name or an IP address",
    ),
    (
        "destinations: {name: pacs}",
        "config.yaml, line 1: destinations: expected a list, found a section",
    ),
    (
        "destinations:\n  - pacs",
        "config.yaml, line 2: destinations[0]: expected a section, found text",
    ),
    (
        PACS + "routes:\n  - to: pacs",
        "config.yaml, line 3: routes[0].to: expected a list, each text, found text",
    ),
    (
        "spool: {limits: {max_bytes: 5 XB}}",
        "config.yaml, line 1: spool.limits.max_bytes: expected bytes, or a number with one of "
        "the units kB MB GB TB KiB MiB GiB TiB",
    ),
    ("spool: {path: ''}", "config.yaml, line 1: spool.path: expected a path, found an empty one"),
    ("node: 3", "config.yaml, line 1: node: expected a section, found 3"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), ONE_FAULT)
def test_fault_is_one_line_with_file_line_and_key(tmp_path: Path, text: str, line: str) -> None:
    assert faults(tmp_path, text) == [line]


def test_every_fault_of_a_file_is_reported_at_once(tmp_path: Path) -> None:
    lines = faults(tmp_path, "node:\n  port: x\n  workers: 0\nwebb: {}\n")
    assert [line.split(": ")[1] for line in lines] == ["node.port", "node.workers", "webb"]


# Settings that contradict each other

PASSWORD_HASH = f"password_hash: 'scrypt:14:8:5:{'A' * 22}:{'A' * 43}'"
TOKEN_HASH = f"token_hash: 'sha256:{'0' * 64}'"
CONTRADICTIONS = [
    (
        PACS + "routes:\n  - {to: [pacs]}\n  - to: [pac]",
        'config.yaml, line 4: routes[1].to: no destination named "pac"; '
        "the destinations are: pacs",
    ),
    (
        "routes:\n  - to: [pacs]",
        'config.yaml, line 2: routes[0].to: no destination named "pacs"; '
        "there are no destinations",
    ),
    (
        "routes:\n  - to: []",
        "config.yaml, line 2: routes[0].to: names no destination; write [log] to record objects "
        "in the log alone",
    ),
    (
        PACS + "routes:\n  - to: [log, pacs]",
        'config.yaml, line 3: routes[0].to: "log" stands alone: every object is in the log '
        "whatever its route",
    ),
    (
        "query:\n"
        "  index:\n"
        "  - {creator: ACME MR, group: '0019', element: xx0c}\n"
        "  - {creator: Acme MR, group: '0019', element: xx0c, level: series}\n",
        "config.yaml, line 4: query.index[1].element: this attribute is already query.index[0]",
    ),
    (
        "upstreams:\n"
        "  - {name: archive, ae_title: A, host: a, port: 1}\n"
        "query:\n"
        "  routes:\n"
        "  - to: [arcive]\n",
        'config.yaml, line 5: query.routes[0].to: no upstream named "arcive"; '
        "the upstreams are: archive",
    ),
    (
        "destinations:\n"
        "  - {name: pacs, ae_title: A, host: a, port: 1}\n"
        "  - {name: pacs, ae_title: B, host: b, port: 1}\n",
        'config.yaml, line 3: destinations[1].name: "pacs" is already the name of '
        "destinations[0]",
    ),
    (
        "destinations: [{name: log, ae_title: A, host: a, port: 1}]",
        'config.yaml, line 1: destinations[0].name: "log" stands for the annotation log; choose '
        "another name",
    ),
    (
        "destinations: [{name: me, ae_title: ATLAS, host: localhost, port: 11112}]",
        "config.yaml, line 1: destinations[0].port: this is the node itself: its objects would "
        "come back for ever",
    ),
    (
        "web:\n  host: 0.0.0.0",
        "config.yaml, line 2: web.host: 0.0.0.0 can be reached from other machines: set "
        "web.users or web.auth, or use the host 127.0.0.1",
    ),
    (
        "web: {enabled: false, host: 0.0.0.0}",  # `atlas-node web` serves it all the same
        "config.yaml, line 1: web.host: 0.0.0.0 can be reached from other machines: set "
        "web.users or web.auth, or use the host 127.0.0.1",
    ),
    (
        f"web:\n  auth: {{user: a, password: b}}\n  users:\n    - {{name: a, {PASSWORD_HASH}}}",
        'config.yaml, line 4: web.users[0].name: "a" is already a user',
    ),
    (
        f"web:\n  tokens:\n    - {{name: a, {TOKEN_HASH}}}\n    - {{name: a, {TOKEN_HASH}}}",
        'config.yaml, line 4: web.tokens[1].name: "a" is already a token',
    ),
    (
        "web:\n  session: {idle: 10, longest: 5}",
        "config.yaml, line 2: web.session.idle: longer than web.session.longest",
    ),
    (
        "node: {port: 8080}",
        "config.yaml: web.port: port 8080 is the port of the DICOM listener (node.port)",
    ),
    (
        "node:\n  tls: {certificate: a.pem}",
        "config.yaml, line 2: node.tls: certificate and key go together: give both or neither",
    ),
    (
        "node:\n  tls: {ca: a.pem}",
        "config.yaml, line 2: node.tls: a listener needs a certificate and its key",
    ),
    (
        "destinations:\n  - name: pacs\n    ae_title: A\n    host: a\n    port: 1\n"
        "    retry: {first_delay: 10, max_delay: 5}",
        "config.yaml, line 6: destinations[0].retry.first_delay: longer than retry.max_delay",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), CONTRADICTIONS)
def test_contradiction_is_refused(tmp_path: Path, text: str, line: str) -> None:
    assert faults(tmp_path, text) == [line]


@pytest.mark.parametrize(
    "text",
    [
        "web: {host: 0.0.0.0, auth: {user: a, password: b}}",
        "web: {host: 127.0.0.1, enabled: false}",
        f"web: {{host: 0.0.0.0, users: [{{name: a, {PASSWORD_HASH}}}]}}",
        f"web: {{host: 0.0.0.0, tokens: [{{name: a, {TOKEN_HASH}}}]}}",
        "web: {host: localhost}",
        "web: {host: '::1'}",
        "{node: {port: 8080, host: 192.0.2.1}, web: {port: 8080}}",
        "destinations: [{name: a, ae_title: ATLAS, host: other.example, port: 11112}]",
    ],
)
def test_what_only_looks_like_a_contradiction_loads(tmp_path: Path, text: str) -> None:
    load(tmp_path, text)


# Files that are no configuration


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "node:\n  port: 1\n  port: 2",
            "config.yaml, line 3: node.port: given twice, first on line 2",
        ),
        ("node: {}\nnode: {}", "config.yaml, line 2: node: given twice, first on line 1"),
        (
            "node: [1",
            "config.yaml, line 1: not valid YAML: expected ',' or ']', but got '<stream end>'; "
            "check quotes and indents",
        ),
        (
            "node: *other",
            "config.yaml, line 1: not valid YAML: an anchor or a second document; quote a value "
            "that begins with * or &",
        ),
        ("node: &a [*a]", "config.yaml, line 1: node[0]: refers to itself"),
        ("node: !x 1", "config.yaml, line 1: node: not a plain value; put text in quotes"),
        ("node: 2024-99-99", "config.yaml, line 1: node: not a plain value; put text in quotes"),
        ("? [a]\n: 1", "config.yaml, line 1: a key must be a plain word"),
        ("[1]", "config.yaml: expected sections such as node and destinations at the top"),
        ("\x01", "config.yaml: not valid YAML: a control character at 0"),
        ("[" * 5000, "config.yaml: nested too deeply"),
    ],
)
def test_bad_yaml_is_refused(tmp_path: Path, text: str, line: str) -> None:
    assert faults(tmp_path, text) == [line]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml: no such file; name the config"):
        load_config(tmp_path / "none.yaml", {})


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})


def test_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"node: {}  # \xe9")
    with pytest.raises(ConfigurationError, match="not UTF-8 text at byte 12"):
        load_config(tmp_path / "config.yaml", {})


@given(st.text() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from([*Config.model_fields, "host", "port", "to", "match", "tls"]), inner),
).map(yaml.safe_dump))  # fmt: skip
def test_any_text_loads_or_is_refused_with_printable_lines(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_config(path, {})
    except ConfigurationError as error:
        assert all(line.isprintable() for line in str(error).split("\n"))


# Secrets


@pytest.mark.parametrize(
    "text",
    [
        "web: {auth: {user: a, password: [hunter2]}}",
        "web: {users: [{name: a, password_hash: hunter2}]}",
        "web: {users: [{name: a, password_hash: [hunter2]}]}",
        "web: {users: [{name: a, password: hunter2}]}",
        "web: {tokens: [{name: a, token_hash: hunter2}]}",
        "web: {tokens: [hunter2]}",
        "web: {auth: {user: a, password: {hunter2: 1}, x: hunter2}}",
        "web: {auth: 'admin:hunter2'}",
        "web: 'hunter2'",
        "log: {url: 'mysql://u:hunter2@h/d'}",
        "log: 'postgresql://u:hunter2@h/d'",
        "web: {auth: {password: *hunter2}}",
    ],
)
def test_errors_do_not_show_secrets(tmp_path: Path, text: str) -> None:
    assert "hunter2" not in "\n".join(faults(tmp_path, text))


def test_representation_does_not_show_secrets(tmp_path: Path) -> None:
    text = "web: {auth: {user: a, password: hunter2}}\nlog: {url: 'postgresql://u:hunter2@h/d'}\n"
    assert "hunter2" not in repr(load(tmp_path, text))


@pytest.mark.parametrize(
    "written",
    [
        "1.2.840.10008.1.2.1",
        "ExplicitVRLittleEndian",
        "explicit vr little endian",
        "[Explicit VR Little Endian]",
    ],
)
def test_a_transfer_syntax_goes_by_uid_and_by_name(tmp_path: Path, written: str) -> None:
    text = PACS.replace("port: 104", f"port: 104, transfer_syntaxes: {written}")
    [pacs] = load(tmp_path, text).destinations
    assert pacs.transfer_syntaxes == ("1.2.840.10008.1.2.1",)


def test_every_transfer_syntax_is_allowed_where_none_is_named(tmp_path: Path) -> None:
    assert load(tmp_path, PACS).destinations[0].transfer_syntaxes == ()


@pytest.mark.parametrize("written", ["JPEG 2999", "'1.2.'", "CTImageStorage", "[]x"])
def test_what_is_no_transfer_syntax_is_refused(tmp_path: Path, written: str) -> None:
    text = PACS.replace("port: 104", f'port: 104, transfer_syntaxes: "{written}"')
    [fault] = faults(tmp_path, text)
    assert "expected a transfer syntax" in fault


SETTINGS = [it.name for it in settings_table()]


@pytest.mark.parametrize("bad", ["guess", [{"guess": 1}], {"guess": 1}, None, -1, "\0"], ids=str)
def test_a_fault_of_any_setting_is_said_in_our_own_words(tmp_path: Path, bad: object) -> None:
    """Never in pydantic's, which neither say what may stand there nor know YAML."""
    for name in SETTINGS:
        tree: object = bad
        for part in reversed(name.split(".")):
            key = part.removesuffix("[]")
            tree = {key: [tree] if part.endswith("[]") else tree}
        try:
            load(tmp_path, yaml.safe_dump(tree))
        except ConfigurationError as error:
            for line in str(error).splitlines():
                assert line.startswith(f"{tmp_path}/config.yaml"), (name, line)
                for word in ("Value error", "Input should", "validation error", "should be"):
                    assert word not in line, (name, line)


def test_each_fault_has_its_own_line_with_file_and_line(tmp_path: Path) -> None:
    text = "node:\n  port: x\n  hots: y\nlog:\n  values: some\n"
    assert faults(tmp_path, text) == [
        'config.yaml, line 2: node.port: expected a port, 1 to 65535, found "x"',
        'config.yaml, line 3: node.hots: unknown key; did you mean "host"?',
        'config.yaml, line 5: log.values: expected one of full, masked, none, found "some"',
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{users: [{name: a, password_hash: 'scrypt:9:8:5:x:y'}]}", "`atlas-node access password`"),
        (
            "{users: [{name: a, password_hash: 'scrypt:99:8:5:x:y'}]}",
            "`atlas-node access password`",
        ),
        ("{tokens: [{name: a, token_hash: 'abc'}]}", "the hash that `atlas-node access token`"),
        ("{origin: atlas.example}", "expected scheme and host alone"),
        ("{origin: 'https://atlas.example/viewer'}", "expected scheme and host alone"),
        ("{users: [{name: a, role: admin, password_hash: x}]}", "one of viewer, operator"),
    ],
)
def test_what_says_who_may_come_in_is_checked(tmp_path: Path, text: str, said: str) -> None:
    assert said in "\n".join(faults(tmp_path, f"web: {text}"))
