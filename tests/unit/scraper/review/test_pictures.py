"""Pages as images: turned, cropped and shifted pages have their boxes in the right place."""

import io

import pdfplumber
import pypdfium2
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from atlas_scraper.review.pictures import NoPictureError, Pictures


@pytest.fixture
def page(tmp_path):
    """A page of 300 by 400 points with one black square near its lower left corner."""
    path = tmp_path / "page.pdf"
    canvas = Canvas(str(path), pagesize=(300, 400))
    canvas.rect(30, 50, 40, 20, stroke=0, fill=1)
    canvas.save()
    return path


def changed(path, rotation=0, media=None, crop=None):
    document = pypdfium2.PdfDocument(path)
    page = document[0]
    if media:
        page.set_mediabox(*media)
    if crop:
        page.set_cropbox(*crop)
    page.set_rotation(rotation)
    target = path.with_name("changed.pdf")
    document.save(target)
    document.close()
    return target


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (10, 30, 200, 350)])
@pytest.mark.parametrize("media", [None, (-20, -10, 300, 400)])
def test_a_box_of_pdfplumber_lies_on_what_it_names(page, rotation, crop, media):
    path = changed(page, rotation, media, crop)
    with pdfplumber.open(path) as document:
        rect = document.pages[0].rects[0]
    picture = Pictures({"page.pdf": path}).page("page.pdf", 1)
    image = Image.open(io.BytesIO(picture.png))
    scale = image.width / picture.width
    box = (rect["x0"], rect["top"], rect["x1"], rect["bottom"])
    corner = (picture.left, picture.top, picture.left, picture.top)
    edges = [(edge - start) * scale for edge, start in zip(box, corner, strict=True)]
    inner = tuple(round(edge + inset) for edge, inset in zip(edges, (3, 3, -3, -3), strict=True))
    assert image.crop(inner).getextrema() == (0, 0)
    outer = tuple(round(edge + inset) for edge, inset in zip(edges, (-3, -3, 3, 3), strict=True))
    assert image.crop(outer).getextrema() == (0, 255)


def test_a_page_of_any_size_has_a_bounded_image(tmp_path):
    path = tmp_path / "huge.pdf"
    canvas = Canvas(str(path), pagesize=(14_000, 14_000))
    canvas.rect(0, 0, 9, 9)
    canvas.save()
    image = Image.open(io.BytesIO(Pictures({"huge.pdf": path}).page("huge.pdf", 1).png))
    assert image.width * image.height <= 6_100_000


def test_what_cannot_be_shown(tmp_path, page):
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"no pdf")
    pictures = Pictures({"broken.pdf": broken, "gone.pdf": tmp_path / "gone", "page.pdf": page})
    for name, number in (("broken.pdf", 1), ("gone.pdf", 1), ("page.pdf", 2), ("other.pdf", 1)):
        with pytest.raises(NoPictureError, match=name):
            pictures.page(name, number)
    assert pictures.page("page.pdf", 1) is pictures.page("page.pdf", 1)
    pictures.close()
