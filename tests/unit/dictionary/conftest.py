"""A small dictionary in memory, made of statements, for the tests of this folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from atlas_dictionary import unpatch_pydicom
from atlas_dictionary.compiler import compile_tables
from atlas_dictionary.container import Container
from atlas_dictionary.keys import parse_key
from atlas_dictionary.reader import FileDictionary
from atlas_dictionary.statements import SourceInfo, SourceTable, Statement, parse_vr

FOLDER = Path(__file__).parents[3] / "dictionary"

Say = Callable[..., Statement]
Compile = Callable[..., FileDictionary]


@pytest.fixture
def say() -> Say:
    """Make a statement: ``say("CREATOR", "0019", "xx0a", "US")``."""

    def make(creator: str | None, group: str, element: str, vr: str, **rest: object) -> Statement:
        return Statement(parse_key(group, element, creator), parse_vr(vr), **rest)  # type: ignore[arg-type]

    return make


@pytest.fixture
def compiled() -> Compile:
    """Compile lists of statements, one a source, named ``a``, ``b`` and so on."""

    def make(*sources: list[Statement]) -> FileDictionary:
        tables = [
            SourceTable(SourceInfo(id=chr(97 + n), statements=len(said)), tuple(said))
            for n, said in enumerate(sources)
        ]
        return FileDictionary(Container(compile_tables(tables), "test"))

    return make


@pytest.fixture
def pydicom_dictionary() -> Iterator[dict[str, dict[str, tuple[str, ...]]]]:
    """pydicom's private dictionary, which is put back as it was when the test is over."""
    from pydicom.datadict import private_dictionaries

    before = {creator: dict(entries) for creator, entries in private_dictionaries.items()}
    yield private_dictionaries
    unpatch_pydicom()
    private_dictionaries.clear()
    private_dictionaries.update(before)


@pytest.fixture(scope="session")
def bad_data() -> ModuleType:
    """The module dictionary/bad_data/make_bad_data.py."""
    spec = importlib.util.spec_from_file_location(
        "make_bad_data", FOLDER / "bad_data" / "make_bad_data.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def folder() -> Path:
    """The folder dictionary/ of the repository."""
    return FOLDER
