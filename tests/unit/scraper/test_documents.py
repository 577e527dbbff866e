import io
from pathlib import Path

from atlas_scraper.documents import find_documents, read_list


def pdf(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"%PDF-1.4")
    return path


def test_files_as_given_and_folders_by_name(tmp_path):
    single = pdf(tmp_path / "z.pdf")
    pdf(tmp_path / "folder" / "b.pdf")
    pdf(tmp_path / "folder" / "deep" / "a.PDF")
    (tmp_path / "folder" / "notes.txt").write_text("")
    found = find_documents([single, tmp_path / "folder", single])
    assert [document.source for document in found] == ["z.pdf", "b.pdf", "a.PDF"]


def test_documents_with_one_file_name_are_told_apart(tmp_path):
    for place in ("mr/2001/statement.pdf", "mr/2003/statement.pdf", "ct/2003/statement.pdf"):
        pdf(tmp_path / place)
    pdf(tmp_path / "other.pdf")
    found = find_documents([tmp_path])
    assert sorted(document.source for document in found) == [
        "2001/statement.pdf",
        "ct/2003/statement.pdf",
        "mr/2003/statement.pdf",
        "other.pdf",
    ]


def test_a_missing_file_is_a_document_all_the_same(tmp_path):
    """It is reported as one that cannot be opened."""
    (found,) = find_documents([tmp_path / "gone.pdf"])
    assert found.source == "gone.pdf"


def test_a_list_of_paths():
    lines = io.StringIO("# statements\na b.pdf\n\n/x/c.pdf\r\n")
    assert read_list(lines) == [Path("a b.pdf"), Path("/x/c.pdf")]
