import sys

import pytest
from typer.testing import CliRunner

from atlas_node.cli import app, main
from atlas_node.errors import ConfigurationError


def test_a_configuration_that_is_not_there_is_one_clear_line(tmp_path):
    missing = tmp_path / "nowhere.yaml"
    result = CliRunner().invoke(app, ["serve", "-c", str(missing)])
    assert isinstance(result.exception, ConfigurationError)
    assert str(missing) in str(result.exception)


@pytest.mark.parametrize("command", ["serve", "check", "queue", "commitment"])
def test_every_command_has_help(command):
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_each_fault_of_a_configuration_is_a_line_of_its_own(tmp_path, monkeypatch, capsys):
    path = tmp_path / "config.yaml"
    path.write_text("node:\n  port: x\nlog:\n  values: some\n")
    monkeypatch.setattr(sys, "argv", ["atlas-node", "serve", "-c", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines() == [
        f'atlas-node: {path}, line 2: node.port: expected a port, 1 to 65535, found "x"',
        f'atlas-node: {path}, line 4: log.values: expected one of full, masked, none, found "some"',
    ]
