import json
import re

import pytest
from typer.testing import CliRunner

from atlas_node.cli import app
from atlas_node.config import load_config
from atlas_node.web.audit import AuditEntry, AuditTrail, audit_path
from atlas_node.web.passwords import hash_token, password_fits


def run(*arguments, stdin=""):
    return CliRunner().invoke(app, ["access", *map(str, arguments)], input=stdin)


def test_a_password_from_a_pipe_becomes_a_hash_and_nothing_else_is_printed():
    done = run("password", stdin="correct horse\nignored\n")

    assert done.exit_code == 0
    assert password_fits("correct horse", done.stdout.strip())
    assert "correct" not in done.output


@pytest.mark.parametrize("stdin", ["", "\n", "short\n"])
def test_a_password_that_is_too_short_is_refused(stdin):
    done = run("password", stdin=stdin)

    assert done.exit_code == 2
    assert "8 characters or more" in done.stderr


def test_a_token_comes_with_its_hash():
    done = run("token")
    token, hashed = re.fullmatch(r"token +(\S+)\ntoken_hash +(\S+)\n", done.stdout).groups()

    assert hash_token(token) == hashed


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("spool: {path: var/spool}\n")
    trail = AuditTrail(audit_path(load_config(path, {})))
    for number in range(3):
        trail.add(
            AuditEntry(
                "2026-03-01T08:30:00.000+00:00", "ATLAS", "anna", "operator", "session",
                "192.0.2.7", "delivery.retry", f"o{number}\x1b[2J", "done",
            )
        )  # fmt: skip
    return path


def test_the_trail_is_shown_with_the_newest_at_the_bottom(config):
    shown = run("trail", "-c", config, "--limit", 2).stdout

    assert "o0" not in shown
    assert shown.index("o1") < shown.index("o2")
    assert "\x1b" not in shown


def test_the_trail_as_json_is_one_object_a_line(config):
    lines = run("trail", "-c", config, "--json").stdout.splitlines()

    assert [json.loads(line)["subject"] for line in lines] == [f"o{n}\x1b[2J" for n in range(3)]


def test_an_empty_trail_says_so(tmp_path):
    (tmp_path / "config.yaml").write_text("{}")

    assert "nobody has changed" in run("trail", "-c", tmp_path / "config.yaml").stdout
