import pytest
from typer.testing import CliRunner

from atlas_node.cli import app
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
