import pytest
from reportlab.lib import pdfencrypt
from reportlab.pdfgen.canvas import Canvas

from atlas_scraper.pages import UnreadableDocumentError, has_candidate, read_pages


@pytest.mark.parametrize(
    "text",
    [
        "(0019,100A)",
        "0019,xx0A",
        "0019 xx0A LO S 3",
        "(OO19, 1O0A)",
        "(0029, SIEMENS CSA, 10)",
        "Group Element\n0019\n1001",
        "0009,00xx",
        "(0019,\n100A)",
    ],
)
def test_pages_that_may_hold_a_private_tag(text):
    assert has_candidate(text)


@pytest.mark.parametrize("text", ["", "Patient ID (0010,0020) LO 1", "1.2.840.10008.1.2", "Group"])
def test_pages_that_hold_none(text):
    assert not has_candidate(text)


def test_only_pages_with_a_candidate_are_laid_out(statement):
    made = statement().text("Nothing here.").page_break().text("Gain (0019,1001) US 1")
    pages = [
        (p.number, p.count, p.plumbed is not None, len(p.words)) for p in read_pages(made.save())
    ]
    assert pages == [(1, 2, False, 0), (2, 2, True, 4)]


def message(path):
    with pytest.raises(UnreadableDocumentError) as caught:
        list(read_pages(path))
    return str(caught.value)


def test_a_missing_file(tmp_path):
    assert "No such file" in message(tmp_path / "none.pdf")


@pytest.mark.parametrize("content", [b"", b"hello", b"%PDF-1.7\n1 0 obj\n<<"])
def test_a_file_that_is_no_pdf(tmp_path, content):
    path = tmp_path / "bad.pdf"
    path.write_bytes(content)
    assert "PDF" in message(path)


def test_an_encrypted_file(tmp_path):
    path = tmp_path / "locked.pdf"
    canvas = Canvas(str(path), encrypt=pdfencrypt.StandardEncryption("secret", strength=128))
    canvas.drawString(50, 50, "(0019,1001)")
    canvas.save()
    assert "password" in message(path)


def test_scanned_images_have_no_text(tmp_path):
    path = tmp_path / "scan.pdf"
    canvas = Canvas(str(path))
    canvas.rect(50, 50, 200, 200, fill=1)
    canvas.save()
    assert "scanned" in message(path)
