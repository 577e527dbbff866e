import pytest
from PIL import Image
from reportlab.lib import pdfencrypt
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from atlas_scraper.pages import (
    UnreadableDocumentError,
    ends_in_titles,
    has_candidate,
    read_pages,
)


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


@pytest.mark.parametrize(
    "text",
    ["0x00191001", "0019:100A", "(0019,nn0A)", "0019xx0A", "[0019,100A]", "(00l9,1002)"],
)
def test_notations_that_make_a_candidate(text):
    assert has_candidate(f"Gain {text} US")


def test_titles_at_the_end_of_a_page():
    assert ends_in_titles("A page of prose.\nAttribute Name Tag VR VM\nPage 7 of 9")
    assert not ends_in_titles("Attribute Name Tag VR VM\nPatient ID 0010,0020 LO 1\nPage 7 of 9")


def test_words_beside_the_page_are_left_out(tmp_path):
    """A stream may place text anywhere: the work must not grow with its coordinates."""
    canvas = Canvas(str(tmp_path / "far.pdf"))
    canvas.drawString(100, 100, "Gain (0019,1001) US 1")
    canvas.drawString(1e9, 100, "Mode (0019,1002) US 1")
    canvas.save()
    (page,) = read_pages(tmp_path / "far.pdf")
    assert [word.text for word in page.words] == ["Gain", "(0019,1001)", "US", "1"]


def scanned(path, images, others):
    """A document of scanned pages, each with its number stamped on, and of pages of text."""
    canvas = Canvas(str(path))
    for number in range(images):
        canvas.drawImage(ImageReader(Image.new("L", (20, 28), 200)), 0, 0, 595, 842)
        canvas.drawString(50, 20, f"Page {number}")
        canvas.showPage()
    for _ in range(others):
        canvas.drawString(
            50, 700, "This statement describes the private attributes of the product."
        )
        canvas.showPage()
    canvas.save()
    return path


def test_a_document_that_is_mostly_scanned_says_how_much_of_it(tmp_path):
    assert "3 of 4 pages are images" in message(scanned(tmp_path / "mixed.pdf", 3, 1))


def test_a_scanned_page_among_others_is_marked(tmp_path):
    pages = read_pages(scanned(tmp_path / "mixed.pdf", 1, 2))
    assert [page.image for page in pages] == [True, False, False]


def test_slanted_letters_stand_upright_and_a_watermark_does_not(tmp_path):
    canvas = Canvas(str(tmp_path / "slanted.pdf"))
    text = canvas.beginText()
    text.setTextTransform(1, 0, 0.3, 1, 50, 700)
    text.textOut("Gain (0019,1001)")
    canvas.drawText(text)
    canvas.translate(100, 300)
    canvas.rotate(50)
    canvas.drawString(0, 0, "CONFIDENTIAL")
    canvas.save()
    (page,) = read_pages(tmp_path / "slanted.pdf")
    assert [word.text for word in page.words] == ["Gain", "(0019,1001)"]
