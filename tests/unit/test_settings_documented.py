"""docs/configuration.md says what the model says, and the examples of all documents load."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from atlas_node.config import load_config, settings_table
from atlas_node.config.reference import write_table

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/configuration.md"
EXAMPLES = [
    pytest.param(example, id=f"{document.stem}-{number}")
    for document in (ROOT / "README.md", *sorted(DOCUMENT.parent.glob("*.md")))
    for number, example in enumerate(
        re.findall(r"```yaml\n(.*?)```", document.read_text("utf-8"), re.DOTALL)
    )
    if "…" not in example
]


def test_every_setting_has_a_name_type_default_and_help() -> None:
    table = settings_table()
    assert {"node.port", "destinations[].retry.max_tries", "web.auth.password"} <= {
        setting.name for setting in table
    }
    lacking = [setting for setting in table if not all(setting)]
    assert lacking == []


def test_every_help_is_a_sentence() -> None:
    assert [s.name for s in settings_table() if not s.help.endswith(".")] == []


def test_the_table_in_the_document_is_the_present_one(tmp_path: Path) -> None:
    fresh = Path(shutil.copy(DOCUMENT, tmp_path))
    write_table(fresh)
    assert DOCUMENT.read_text(encoding="utf-8") == fresh.read_text(encoding="utf-8"), (
        "run `make docs`"
    )


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_documents_load(tmp_path: Path, example: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(example, encoding="utf-8")
    load_config(path, {})
