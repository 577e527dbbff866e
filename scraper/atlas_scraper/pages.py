"""Pages of a PDF: the text of each, and its words where a private tag may stand.

`scrape` reads a document through `read_pages`. Two libraries share the work: pdfium gives the
text of a page in a millisecond, which is enough to see that it holds no candidate; pdfplumber
gives words, fonts and ruling of the others, some fifty times slower. A page is closed before the
next one is opened, so that memory does not grow with the document.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from atlas_scraper.text import plain

if TYPE_CHECKING:
    from pdfplumber.page import Page as PlumberPage

# Loose on purpose, a page too many costs time, a page too few costs elements: an odd group, an
# element or the place of one, with O for 0; the tag with a creator inside; a column of groups.
_CANDIDATE = re.compile(
    r"(?<!\w)(?:(?<=[(\[])|(?=(?:0x|\$)?\w{0,3}\d))"
    r"(?:0x|\$)?[0-9A-FOLI]{3}[13579BDFLI]h?[\s,:;./|()-]{0,4}(?:0x|\$)?"
    r"(?:[0-9A-FOLI]{2}|([XYNZPMKUW*#?_-])\1)[\s-]?"
    r"(?:[0-9A-FOLI]{2}|([XYNZPMKUW*#?_-])\2)h?(?!\w)"
    r"|\(\s*[0-9A-FOLI]{3}[13579BDFLI]\s*,[^()]{2,70},\s*[0-9A-FXOLI]{2,4}\s*\)"
    # Divided over two lines of a narrow column, with the other cells of the first one between.
    r"|\([0-9A-F]{3}[13579BDF],\s[^()]{0,200}?\b(?:[0-9A-F]{2}|XX|NN|YY|ZZ)[0-9A-F]{2}\)",
    re.IGNORECASE,
)
# A line of titles, among the last ones of a page, whose rows begin on the next page.
_TITLES = re.compile(r"\D{0,80}\btag\b\D{0,80}", re.IGNORECASE)
_OTHER_TITLE = re.compile(r"\b(?:vr|vm|name|type|description)\b", re.IGNORECASE)
_ROW = re.compile(r"[0-9A-F]{4}\s?,\s?[0-9A-FX]{4}", re.IGNORECASE)
_LAST_LINES = 6
_ODD_GROUP = re.compile(r"(?<!\w)(?:0x)?[0-9A-F]{3}[13579BDF]h?(?!\w)", re.IGNORECASE)
_GROUP_TITLE = re.compile(r"\b(?:group|grp|gruppe|groupe|grupo|gruppo)\b", re.IGNORECASE)
# A page is an image when it has less text than this, a stamp or a page number, and images that
# take this share of it.
_FEW_LETTERS = 100
_MOST_OF_PAGE = 0.5
_DEEPEST = 3
# Text may rise by this much of its length and still stand upright, as on a page scanned askew.
_MOST_RISE = 0.1
# After this many pages a document is opened anew: both libraries keep every object they have met.
_PAGES_PER_OPENING = 64


class UnreadableDocumentError(Exception):
    """The document cannot be read: the message says why, without the file's name."""


class MissingLibraryError(Exception):
    """The libraries that read PDF are not installed."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its box (points from the page's top left) and the font of its start."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    font: str
    size: float


@dataclass(frozen=True, slots=True)
class Turn:
    """How a page was turned so that its text stands upright.

    Parameters
    ----------
    degrees : int
        90, 180 or 270, clockwise.
    width, height : float
        Its size in points once turned.
    """

    degrees: int
    width: float
    height: float

    def back(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Give the box of the page as it is in the file."""
        x0, top, x1, bottom = box
        if self.degrees == 90:
            return top, self.width - x1, bottom, self.width - x0
        if self.degrees == 180:
            return self.width - x1, self.height - bottom, self.width - x0, self.height - top
        return self.height - bottom, x0, self.height - top, x1


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Parameters
    ----------
    number, count : int
        Number of the page in the file, from 1, and the pages of the file.
    text : str
        Its text as pdfium gives it, lines divided by newlines.
    words : tuple of Word
        Upright words; empty on a page without a candidate.
    plumbed : pdfplumber.page.Page or None
        The page with its ruling, valid until the next page is asked for; None on a page without
        a candidate. One whose text runs up, down or upside down is turned first.
    turn : Turn or None
        How the page was turned, which its places follow; None when it was not.
    image : bool
        An image takes the page and there is hardly any text: it was scanned.
    """

    number: int
    count: int
    text: str
    words: tuple[Word, ...] = ()
    plumbed: "PlumberPage | None" = None
    turn: Turn | None = None
    image: bool = False


def require_libraries() -> None:
    """Say in one line what to install where pdfplumber is missing.

    Raises
    ------
    MissingLibraryError
        pdfplumber, or pdfium that comes with it, is not installed.
    """
    if find_spec("pdfplumber") is None or find_spec("pypdfium2") is None:
        raise MissingLibraryError("reading PDF needs pdfplumber: pip install 'atlas-node[scraper]'")


def has_candidate(text: str) -> bool:
    """Whether a private tag may stand on a page with this text."""
    if _CANDIDATE.search(text):
        return True
    return bool(_GROUP_TITLE.search(text) and _ODD_GROUP.search(text))


def ends_in_titles(text: str) -> bool:
    """Whether a page ends in the titles of a table whose rows begin on the next page."""
    last = text.rstrip().rsplit("\n", _LAST_LINES)[1:]
    return any(
        _TITLES.fullmatch(line)
        and _OTHER_TITLE.search(line)
        and not any(_ROW.search(below) for below in last[index + 1 :])
        for index, line in enumerate(last)
    )


def read_pages(path: Path) -> Iterator[Page]:
    """Give every page of a document, with words where a candidate stands.

    Raises
    ------
    UnreadableDocumentError
        The file is missing, no PDF, encrypted or broken, has no text, or most of its pages are
        scanned images; the last two are known after the last page.
    """
    require_libraries()
    blank, images = True, 0
    with _Text(path) as texts, _Plumbing(path) as plumbing:
        count = len(texts)
        ahead: str | None = None
        for index in range(count):
            text, ahead = texts.page(index) if ahead is None else ahead, None
            blank = blank and not text.strip()
            candidate = has_candidate(text)
            if not candidate and index + 1 < count and ends_in_titles(text):
                ahead = texts.page(index + 1)
                candidate = has_candidate(ahead)
            if not candidate:
                image = len(text.strip()) < _FEW_LETTERS and texts.is_image(index)
                images += image
                yield Page(index + 1, count, text, image=image)
                continue
            plumbed = plumbing.page(index)
            try:
                # The margin's text runs upwards; a filter on chars keeps the ruling.
                upright, turn = plumbed.filter(_is_upright), None
                if 2 * len(upright.chars) < len(plumbed.chars):
                    turned, turn = plumbing.turned(plumbed)
                    upright = turned.filter(_is_upright)
                yield Page(index + 1, count, text, _words(upright), upright, turn)
            finally:
                plumbed.close()
    if blank:
        raise UnreadableDocumentError(
            f"no text on {count} pages (scanned images?): it needs character recognition first"
        )
    if 2 * images > count:
        raise UnreadableDocumentError(
            f"{images} of {count} pages are images: they need character recognition first"
        )


class _Text:
    """The text of pages through pdfium."""

    def __init__(self, path: Path) -> None:
        import pypdfium2  # noqa: PLC0415 (an optional dependency, see require_libraries)

        try:
            data = path.open("rb")
        except OSError as error:
            raise UnreadableDocumentError(f"cannot be opened: {error.strerror}") from error
        self._file = data
        self._served = 0
        try:
            self._document: Any = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            data.close()
            raise UnreadableDocumentError(_cause(str(error))) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._document.close()
        self._file.close()

    def __len__(self) -> int:
        return len(self._document)

    def page(self, index: int) -> str:
        import pypdfium2  # noqa: PLC0415

        try:
            if self._served >= _PAGES_PER_OPENING:
                self._document.close()
                self._document = pypdfium2.PdfDocument(self._file)
                self._served = 0
            self._served += 1
            page = self._document[index]
            text = page.get_textpage()
            found = str(text.get_text_range())
        except pypdfium2.PdfiumError as error:
            raise UnreadableDocumentError(f"page {index + 1} is broken: {error}") from error
        text.close()
        page.close()
        return plain(found.replace("\r\n", "\n").replace("\ufffe", "\u00ad"))

    def is_image(self, index: int) -> bool:
        """Whether images take most of the page that was read last."""
        import pypdfium2  # noqa: PLC0415
        from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE  # noqa: PLC0415

        try:
            page = self._document[index]
            width, height = page.get_size()
            area = 0.0
            for image in page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE], max_depth=_DEEPEST):
                left, bottom, right, top = image.get_bounds()
                area += max(0.0, right - left) * max(0.0, top - bottom)
            page.close()
        except pypdfium2.PdfiumError:
            return False
        return area > _MOST_OF_PAGE * float(width) * float(height)


class _Plumbing:
    """Pages through pdfplumber, opened when the first one is wanted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._document: Any = None
        self._served = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def page(self, index: int) -> Any:
        import pdfplumber  # noqa: PLC0415

        if self._served >= _PAGES_PER_OPENING:
            self._close()
        try:
            if self._document is None:
                self._document = pdfplumber.open(self._path)
            self._served += 1
            page = self._document.pages[index]
            _ = page.chars
        # pdfminer raises errors of many kinds over a damaged page, KeyError and TypeError too.
        except Exception as error:
            raise UnreadableDocumentError(
                f"page {index + 1} is broken: {type(error).__name__} {error}".strip()
            ) from error
        return page

    def turned(self, page: Any) -> tuple[Any, Turn]:
        """Give a page whose text does not stand upright, turned so that most of it does."""
        from pdfplumber.page import Page as PlumberPage  # noqa: PLC0415

        ways = Counter(_direction(char["matrix"]) for char in page.chars)
        degrees = max((90, 180, 270), key=lambda way: ways[way])
        # pdfminer turns the text by the one, pdfplumber sizes the page by the other.
        page.page_obj.rotate = (page.page_obj.rotate + degrees) % 360
        page.page_obj.attrs = {**page.page_obj.attrs, "Rotate": page.page_obj.rotate}
        turned = PlumberPage(self._document, page.page_obj, page.page_number, page.initial_doctop)
        return turned, Turn(degrees, float(turned.width), float(turned.height))

    def _close(self) -> None:
        if self._document is not None:
            self._document.close()
        self._document = None
        self._served = 0


def _cause(message: str) -> str:
    if "password" in message.lower():
        return "encrypted: it opens with a password only"
    if "format error" in message.lower():
        return "no PDF, or a broken one"
    return f"no readable PDF: {message}"


def _is_upright(item: dict[str, Any]) -> bool:
    return item["object_type"] != "char" or _direction(item["matrix"]) == 0


def _direction(matrix: tuple[float, ...]) -> int | None:
    """Give by how much to turn text, clockwise, so that it stands upright.

    It is 0 for upright text, and None for text askew, such as a watermark. The way of the line
    decides, so that a slanted letter stands upright, too.
    """
    along, up = matrix[0], matrix[1]
    if abs(up) <= _MOST_RISE * abs(along):
        return 0 if along > 0 else 180
    if abs(along) <= _MOST_RISE * abs(up):
        return 90 if up > 0 else 270
    return None


def _words(page: "PlumberPage") -> tuple[Word, ...]:
    x0, top, x1, bottom = page.bbox
    words = page.extract_words(return_chars=True, use_text_flow=False, x_tolerance_ratio=0.2)
    return tuple(
        Word(
            text=plain(word["text"]),
            x0=word["x0"],
            x1=word["x1"],
            top=word["top"],
            bottom=word["bottom"],
            font=word["chars"][0]["fontname"],
            size=round(word["chars"][0]["size"], 1),
        )
        for word in words
        # What stands beside the page is not to be seen, and may stand anywhere.
        if word["x1"] > x0 and word["x0"] < x1 and word["bottom"] > top and word["top"] < bottom
    )


def body_font(words: tuple[Word, ...]) -> tuple[str, float]:
    """Give the font and size of most of a page's letters."""
    letters: Counter[tuple[str, float]] = Counter()
    for word in words:
        letters[word.font, word.size] += len(word.text)
    return letters.most_common(1)[0][0] if letters else ("", 0.0)
