"""THIRD_PARTY_LICENSES.md names everything the project uses or ships."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "THIRD_PARTY_LICENSES.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def packages_in_tables() -> set[str]:
    """First cells of the tables, where the licence beside them is not empty."""
    return set(re.findall(r"^\| ([\w-]+) \| [^|\s][^|]* \|", DOCUMENT, re.MULTILINE))


def test_every_dependency_is_named_with_its_licence() -> None:
    requirements = [
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *(line for extra in PROJECT["project"]["optional-dependencies"].values() for line in extra),
    ]
    names = {re.split(r"[^\w-]", line)[0] for line in requirements}
    assert names - {"atlas-node"} - packages_in_tables() == set()


def test_no_package_is_named_that_the_project_does_not_use() -> None:
    requirements = str(PROJECT["build-system"]) + str(PROJECT["project"])
    named = packages_in_tables() - {"package", "table", "file"}
    assert {name for name in named if name not in requirements} == set()


def test_every_vendored_file_is_named() -> None:
    static = ROOT / "atlas_node/web/static"
    vendored = [*static.glob("*.min.*"), *static.glob("*.woff2")]
    assert vendored
    missing = [path.name for path in vendored if path.name not in DOCUMENT]
    assert missing == []


def test_every_source_of_the_dictionary_is_named() -> None:
    tables = {path.name for path in (ROOT / "dictionary/sources").glob("*.tsv")}
    assert tables
    assert {name for name in tables if f"| `{name}` |" not in DOCUMENT} == set()


def test_licence_of_the_project_is_the_one_it_declares() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
