"""The source tables of the repository against the dictionaries as they were published."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from atlas_dictionary.compiler import read_source, read_sources
from atlas_dictionary.tables import write_table
from tests.peers import SHARED, missing

DATA = SHARED / "data"
BY_HAND = {"dicom-ps3.15.tsv", "posda.tsv"}
INFERRED = {"siblings.tsv"}


@pytest.fixture(scope="module")
def make_sources(folder) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_sources", folder / "sources" / "make_sources.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(make_sources):
    """The tables as the publications give them now, by name."""
    if not DATA.is_dir():
        missing("the published dictionaries of ../shared/data are not there")
    return dict(make_sources.tables(DATA))


def test_every_table_is_made_again_byte_for_byte(folder, make_sources, made):
    kept = {path.name: path.read_bytes() for path in (folder / "sources").glob("*.tsv")}
    apart = {f"{name}.tsv" for name in make_sources.APART - set(made)}
    assert {f"{name}.tsv" for name in made} == set(kept) - BY_HAND - INFERRED - apart
    differing = [n for n, t in made.items() if write_table(t).encode() != kept[f"{n}.tsv"]]
    assert differing == []


def test_what_is_inferred_is_inferred_again(folder, make_sources):
    kept = (folder / "sources" / "siblings.tsv").read_text("utf-8")
    assert write_table(make_sources.siblings()) == kept


def test_nothing_of_a_publication_is_dropped_in_silence(made):
    """Each line is a statement, or joins one, or has a note; none has a fault."""
    for name, table in made.items():
        assert table.info.unread <= len(table.notes), name
        assert table.faults == (), name
        if name != "conformance":
            assert table.info.unread <= 0.004 * table.info.statements, name
    lines = sum(
        line.startswith("(")
        for path in (DATA / "dictionaries/dicom3tools").glob("*.tpl")
        for line in path.read_text("utf-8", "replace").splitlines()
    )
    dicom3tools = made["dicom3tools"].info
    assert dicom3tools.statements + dicom3tools.unread == lines
    entries = (DATA / "dictionaries/gdcm/privatedicts.xml").read_text("utf-8").count("<entry ")
    # Some of the entries stand within comments.
    assert 0.99 * entries <= made["gdcm"].info.statements <= entries


def test_what_the_scraper_finds_without_a_creator_is_left_out(made):
    assert made["conformance"].info.unread > 0
    assert all("creator" in n or "confidence" in n for n in made["conformance"].notes)


def test_every_table_says_what_it_is(folder):
    tables = read_sources([folder / "sources"])
    assert len({table.info.id for table in tables}) == len(tables)
    assert len({table.info.rank for table in tables}) == len(tables)
    for table in tables:
        info = table.info
        assert all((info.title, info.origin, info.version, info.licence, info.rank)), info.id


def test_tables_are_as_this_project_writes_them(folder):
    for path in (folder / "sources").glob("*.tsv"):
        assert write_table(read_source(path)) == path.read_text("utf-8"), path.name
