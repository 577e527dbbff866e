"""The pages of the review and the JSON behind them.

`server` serves what `create_app` gives. The page is a frame; its script asks for the documents,
the rows of one, the image of a page, and posts decisions. Texts of a document reach the page as
JSON and are shown as text, never as markup.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from atlas_dictionary.statements import VRS
from atlas_scraper.review.decisions import SURE, Decisions, Item, ReviewError, SaveError
from atlas_scraper.review.guard import Guard
from atlas_scraper.review.pictures import NoPictureError, Pictures

_STATIC = Path(__file__).with_name("static")


def create_app(decisions: Decisions, pictures: Pictures, title: str, key: str) -> Starlette:
    """Give the application.

    Parameters
    ----------
    decisions : Decisions
    pictures : Pictures
    title : str
        What is reviewed, for the head of the page.
    key : str
        What the address must carry, see `guard`.
    """
    pages = _Pages(decisions, pictures, title)
    return Starlette(
        routes=[
            Route("/", pages.frame),
            Route("/api/documents", pages.documents),
            Route("/api/documents/{document:int}", pages.rows),
            Route("/api/documents/{document:int}/pages/{page:int}", pages.page),
            Route("/api/documents/{document:int}/pages/{page:int}.png", pages.image),
            Route("/api/rows/{row:int}/creators", pages.creators),
            Route("/api/decisions", pages.decide, methods=["POST"]),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        middleware=[Middleware(Guard, key=key)],
        exception_handlers={
            HTTPException: _refused,
            NoPictureError: _no_picture,
            ReviewError: _not_decided,
            SaveError: _not_saved,
        },
    )


class _Pages:
    """The endpoints; plain functions run in threads, for files and pdfium block."""

    def __init__(self, decisions: Decisions, pictures: Pictures, title: str) -> None:
        self._decisions = decisions
        self._pictures = pictures
        self._names = decisions.documents()
        environment = Environment(
            loader=PackageLoader("atlas_scraper.review"),
            autoescape=select_autoescape(("html",)),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._frame = environment.get_template("review.html").render(
            title=title, vrs=sorted(VRS), sure=SURE
        )

    def frame(self, request: Request) -> Response:
        """Give the page."""
        return HTMLResponse(self._frame)

    def documents(self, request: Request) -> Response:
        """Give the documents with how far each is."""
        return _json(self._progress())

    def rows(self, request: Request) -> Response:
        """Give all rows of a document."""
        return _json([item.as_dict() for item in self._decisions.of(self._name(request))])

    def page(self, request: Request) -> Response:
        """Give what part of the page its image shows, in points."""
        picture = self._pictures.page(self._name(request), request.path_params["page"])
        names = ("left", "top", "width", "height")
        return _json({name: getattr(picture, name) for name in names})

    def image(self, request: Request) -> Response:
        """Give the image of a page."""
        picture = self._pictures.page(self._name(request), request.path_params["page"])
        return Response(picture.png, media_type="image/png")

    def creators(self, request: Request) -> Response:
        """Give the private creators that may be meant for a row."""
        try:
            item = self._decisions.items[request.path_params["row"]]
        except IndexError:
            raise HTTPException(404, "There is no such row.") from None
        return _json(self._decisions.creators(item))

    async def decide(self, request: Request) -> Response:
        """Take a decision; give the rows that changed, and how far each document is."""
        given = _decision(await request.body())
        changed = await run_in_threadpool(
            self._decisions.decide,
            given["rows"],
            given.get("facts", {}),
            given.get("decision"),
            keep="decision" not in given,
        )
        return _json({"rows": [item.as_dict() for item in changed], "documents": self._progress()})

    def _name(self, request: Request) -> str:
        number: int = request.path_params["document"]
        if number >= len(self._names):
            raise HTTPException(404, "There is no such document.")
        return self._names[number]

    def _progress(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "pictures": self._pictures.has(name),
                **_counts(self._decisions.of(name)),
            }
            for name in self._names
        ]


def _counts(items: list[Item]) -> dict[str, int]:
    decided = Counter(item.row.review for item in items)
    return {
        "rows": len(items),
        "accepted": decided["accepted"],
        "rejected": decided["rejected"],
        "doubtful": sum(item.doubtful and item.row.review is None for item in items),
    }


def _decision(body: bytes) -> dict[str, Any]:
    """Check the shape of what the page posts."""
    try:
        given: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "Not JSON.") from None
    rows = given.get("rows") if isinstance(given, dict) else None
    facts = given.get("facts", {}) if isinstance(given, dict) else None
    if (
        not isinstance(rows, list)
        or not all(type(row) is int for row in rows)
        or not isinstance(facts, dict)
        or not all(isinstance(text, str) for text in facts.values())
        or not isinstance(given.get("decision"), str | None)
    ):
        raise HTTPException(400, "Expected rows, facts and decision.")
    return dict(given)


def _json(content: Any, status: int = 200) -> Response:
    # ASCII alone: what a document has of lone surrogates is escaped.
    body = json.dumps(content, allow_nan=False)
    return Response(body, status_code=status, media_type="application/json")


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _json({"error": error.detail}, error.status_code)


def _no_picture(request: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, 404)


def _not_decided(request: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, 422)


def _not_saved(request: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, 500)
