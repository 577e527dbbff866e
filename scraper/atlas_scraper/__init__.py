"""Private data elements out of vendors' DICOM conformance statements in PDF.

`scrape` gives the elements of one document and the rows that could not be read; the command is
`atlas-scrape`. pdfplumber is needed: pip install 'atlas-node[scraper]'.
"""

from atlas_scraper.emit import Element, Place
from atlas_scraper.pages import MissingLibraryError, UnreadableDocumentError
from atlas_scraper.scrape import Reject, scrape

__all__ = [
    "Element",
    "MissingLibraryError",
    "Place",
    "Reject",
    "UnreadableDocumentError",
    "scrape",
]
