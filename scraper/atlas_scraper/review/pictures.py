"""Pages of the documents under review as PNG images, with the place of a page's boxes on them.

`app` asks for one page at a time. pdfium is not safe for several threads, so one lock guards it;
the last pages are kept, since a reviewer goes to and fro.
"""

import io
import math
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCALE = 1.75
"""Pixels for a point: 126 dots an inch."""
_MOST_PIXELS = 6_000_000
_KEPT = 24


class NoPictureError(Exception):
    """A page cannot be shown; the message says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One page.

    Parameters
    ----------
    png : bytes
    left, top, width, height : float
        The part of the page that the image shows, in the points of a row's box: from the top
        left corner of the media box (PDF 32000-1, 14.11.2).
    """

    png: bytes
    left: float
    top: float
    width: float
    height: float


class Pictures:
    """Images of pages.

    Parameters
    ----------
    paths : mapping
        Where the documents lie, by the names of their rows.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], Picture] = OrderedDict()
        self._open: tuple[str, Any] | None = None

    def has(self, document: str) -> bool:
        """Whether the PDF of a document was given."""
        return document in self._paths

    def page(self, document: str, number: int) -> Picture:
        """Give a page, counted from 1.

        Raises
        ------
        NoPictureError
            The PDF was not given, cannot be read, or has no such page.
        """
        with self._lock:
            key = (document, number)
            picture = self._kept.get(key)
            if picture is None:
                picture = self._kept[key] = self._render(document, number)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return picture

    def close(self) -> None:
        """Close the document that is open."""
        with self._lock:
            self._close()

    def _render(self, document: str, number: int) -> Picture:
        import pypdfium2  # noqa: PLC0415 (an optional dependency)

        try:
            pdf = self._document(document)
            if not 1 <= number <= len(pdf):
                raise NoPictureError(f"{document} has no page {number}")
            page = pdf[number - 1]
            try:
                return _picture(page)
            finally:
                page.close()
        except (pypdfium2.PdfiumError, OSError, ValueError, MemoryError) as error:
            raise NoPictureError(f"{document}, page {number}: cannot be shown: {error}") from None

    def _document(self, document: str) -> Any:
        import pypdfium2  # noqa: PLC0415

        if self._open is not None and self._open[0] == document:
            return self._open[1]
        self._close()
        path = self._paths.get(document)
        if path is None:
            raise NoPictureError(f"the PDF of {document} was not given")
        pdf = pypdfium2.PdfDocument(path)
        self._open = (document, pdf)
        return pdf

    def _close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


def _picture(page: Any) -> Picture:
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        raise ValueError("the page has no size")
    scale = min(_SCALE, math.sqrt(_MOST_PIXELS / (width * height)))
    image = page.render(scale=scale, may_draw_forms=False).to_pil()
    buffer = io.BytesIO()
    image.convert("L").save(buffer, "PNG", compress_level=3)
    left, top = _corner(page)
    return Picture(buffer.getvalue(), left, top, width, height)


def _corner(page: Any) -> tuple[float, float]:
    """Give the top left corner of what is shown, on the page as it is turned."""
    media, shown = page.get_mediabox(), page.get_cropbox()
    gaps = [
        max(0.0, shown[0] - media[0]),  # left
        max(0.0, media[3] - shown[3]),  # top
        max(0.0, media[2] - shown[2]),  # right
        max(0.0, shown[1] - media[1]),  # bottom
    ]
    # A page turned by 90 degrees clockwise has its bottom at the left.
    turns = page.get_rotation() // 90
    # pdfplumber counts from the origin of the media box, which need not be its corner.
    right, up = (media[1], media[0]) if turns % 2 else (media[0], media[1])
    return gaps[(0 - turns) % 4] + right, gaps[(1 - turns) % 4] - up
