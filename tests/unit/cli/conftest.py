"""``atlas-node`` as its script runs it, without the second that a process of its own takes."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from atlas_node.cli import main


@pytest.fixture
def atlas_node(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., CompletedProcess[str]]:
    """Run a command line, and return its exit status and what it said."""

    def run(*arguments: str | Path) -> CompletedProcess[str]:
        words = ["atlas-node", *map(str, arguments)]
        monkeypatch.setattr("sys.argv", words)
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return CompletedProcess(words, int(end.value.code or 0), *capsys.readouterr())

    return run
