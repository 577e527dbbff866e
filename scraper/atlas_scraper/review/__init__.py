"""The review page: a person sees page and rows side by side, and decides on each row.

`atlas-scrape review` starts it on this machine alone. `decisions` holds the rows and writes what
was decided, `pictures` renders pages, `app` and `guard` are the pages and who may open them.
"""

from atlas_scraper.review.decisions import Decisions, ReviewError
from atlas_scraper.review.pictures import NoPictureError, Pictures
from atlas_scraper.review.server import serve

__all__ = ["Decisions", "NoPictureError", "Pictures", "ReviewError", "serve"]
