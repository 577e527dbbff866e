import json
from pathlib import Path

import pytest

from atlas_scraper.documents import Document
from atlas_scraper.state import State, StateError, Tally, finished, rows_of


@pytest.fixture
def document(tmp_path) -> Document:
    path = tmp_path / "acme.pdf"
    path.write_bytes(b"%PDF-1.4 one")
    return Document(path, "acme.pdf")


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "state"


def write(place: Path, *rows, tally: Tally | None = None) -> None:
    lines = [*rows, *([{"document": tally.as_dict()}] if tally else [])]
    place.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_document_that_was_read_to_its_end_is_not_read_again(document, folder):
    with State(folder, keep=True) as state:
        write(state.place(document), {"element": {"page": 1}}, tally=Tally("old/acme.pdf", 3))
    with State(folder, keep=True) as state:
        found = finished(state.place(document), document)
    assert found == Tally(str(document.path), pages=3, resumed=True)


def test_a_document_that_failed_or_was_cut_off_is_read_again(document, folder):
    with State(folder, keep=True) as state:
        place = state.place(document)
        assert finished(place, document) is None
        write(place, {"element": {}}, tally=Tally("acme.pdf", error="page 3 is broken"))
        assert finished(place, document) is None
        write(place, {"element": {}})
        assert finished(place, document) is None
        place.write_bytes(b"\0" * 100)
        assert finished(place, document) is None


def test_a_changed_document_is_another(document, folder):
    with State(folder, keep=True) as state:
        before = state.place(document)
        document.path.write_bytes(b"%PDF-1.4 two")
        assert state.place(document) != before
        assert state.place(Document(document.path, "2003/acme.pdf")) != state.place(document)


def test_rows_of_a_torn_file_are_those_before_the_tear(tmp_path):
    place = tmp_path / "torn.jsonl"
    write(place, {"element": {"page": 1}}, {"reject": {"page": 2}})
    with place.open("a") as file:
        file.write('{"element": {"pa')
    assert list(rows_of(place)) == [("element", {"page": 1}), ("reject", {"page": 2})]
    assert list(rows_of(tmp_path / "none.jsonl")) == []


def test_the_folder_goes_when_the_work_is_done_and_stays_when_it_is_not(folder):
    with pytest.raises(KeyboardInterrupt), State(folder, keep=False):
        raise KeyboardInterrupt
    assert folder.is_dir()
    with State(folder, keep=False):
        pass
    assert not folder.exists()


def test_two_runs_do_not_share_a_folder(folder):
    with State(folder, keep=True), pytest.raises(StateError, match="another atlas-scrape"):
        State(folder, keep=True).__enter__()
    with State(folder, keep=True):
        pass


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be used"):
        State(tmp_path / "file" / "state", keep=True).__enter__()
