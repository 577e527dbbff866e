"""The dictionary: a search as one types, and each entry with what its VR rests on.

An entry shows every source with its licence, the VRs that sources give and whether they agree,
and where this node has seen the element last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atlas_dictionary import Entry, Flags
from atlas_dictionary.vendors import vendor_of
from atlas_node.log import LogFilter, LogStore, Selection
from atlas_node.web.entry_search import ONLY, STANDARD, EntrySearch, Question
from atlas_node.web.operation import (
    ANYTHING,
    COUNT,
    NUMBER,
    SWITCH,
    TEXT,
    described,
    list_of,
    map_of,
    or_none,
    path,
    query,
    record,
)
from atlas_node.web.site import Json, Site, whole_number
from atlas_node.web.summary import iso

PAGE_SIZE: Final = 50
PUBLIC: Final = "-"
"""Stands for the creator in the address of a public element."""

_LATEST: Final = 5
_PARAMETERS: Final = ("q", "group", "element", "vr", "creator", "vendor", "only")
_CONFLICTS: Final = (
    (Flags.SEQUENCE_AGAINST_OTHER, "whether the value is a sequence"),
    (Flags.TEXT_AGAINST_BINARY, "whether the value is text or binary"),
    (Flags.DISAGREEMENT, "which VR the value has"),
)

_SUMMARY: Final = record(
    address=TEXT, creator=or_none(TEXT), group=TEXT, element=TEXT, vr=TEXT, vm=TEXT, name=TEXT,
    keyword=TEXT, confidence=NUMBER, flags=list_of(TEXT), sources=list_of(TEXT), vendor=TEXT,
)  # fmt: skip
_ENTRY: Final = record(
    address=TEXT, creator=or_none(TEXT), group=TEXT, element=TEXT, vr=TEXT, vm=TEXT, name=TEXT,
    keyword=TEXT, description=TEXT, retired=SWITCH, confidence=NUMBER, flags=list_of(TEXT),
    vendor=TEXT, spellings=list_of(TEXT), disagreement=TEXT,
    candidates=list_of(record({"condition": map_of(TEXT)}, vr=TEXT, weight=COUNT)),
    sources=list_of(record(
        id=TEXT, title=TEXT, version=TEXT, licence=TEXT, origin=TEXT, stated=TEXT,
        evidence=list_of(TEXT),
    )),
    neighbours=list_of(_SUMMARY),
    log=record(
        by_status=map_of(COUNT), devices=map_of(list_of(record(name=TEXT, elements=COUNT))),
        latest=list_of(record(
            object_id=TEXT, received_at=TEXT, calling_ae=TEXT, path=TEXT, vr_before=TEXT, vr=TEXT,
            status=TEXT, value=ANYTHING, truncated=SWITCH,
        )),
    ),
)  # fmt: skip


def routes(site: Site) -> list[Route]:
    """Return the search, its part that changes, the page of an entry, and their data."""
    search = EntrySearch(lambda: site.dictionary)

    def shown(request: Request) -> dict[str, Any]:
        given = _given(request.query_params)
        return search_view(search, request.query_params) | {
            "query": given,
            "asked": bool(given),
            "only_names": {name: title for name, (title, _) in ONLY.items()},
            "at_once": PAGE_SIZE,
        }

    def page(request: Request) -> Response:
        return site.page(request, "dictionary.html", info=_info(search), **shown(request))

    def results(request: Request) -> Response:
        answer = site.page(request, "entries.html", info=_info(search), **shown(request))
        text = urlencode(_given(request.query_params))
        answer.headers["HX-Replace-Url"] = f"/dictionary?{text}" if text else "/dictionary"
        return answer

    def entry(request: Request) -> Response:
        return site.page(request, "dictionary_entry.html", entry=_view(site, search, request))

    @described(
        "Entries of the dictionary that fit",
        record(
            found=COUNT, page=COUNT, last_page=COUNT, entries=list_of(_SUMMARY),
            vendors=map_of(COUNT), only=map_of(COUNT),
        ),
        query("q", "Words of name, keyword, creator, description or tag; or a whole tag."),
        query("group", "Group, four hexadecimal digits."),
        query("element", "Element, four hexadecimal digits, or the two of the offset."),
        query("vr", "Value representation."),
        query("creator", "Part of a private creator; with * all of it."),
        query("vendor", "Vendor as in `vendors`."),
        query("only", f"One of {', '.join(ONLY)}."),
        query("page", f"Which {PAGE_SIZE} of them, from 1."),
    )  # fmt: skip
    def api_search(request: Request) -> Response:
        return Json(search_view(search, request.query_params))

    @described(
        "An entry of the dictionary with its sources, and where the log has it",
        _ENTRY,
        path("creator", f"Private creator; {PUBLIC} for a public element."),
        path("group", "Group, four hexadecimal digits, such as 0019."),
        path("element", "Element such as xx0a, or 0010 of a public element."),
    )
    def api_entry(request: Request) -> Response:
        return Json(_view(site, search, request))

    return [
        Route("/dictionary", page),
        Route("/dictionary/results", results),
        Route("/dictionary/{creator:path}/{group}/{element}", entry),
        Route("/api/dictionary", api_search),
        Route("/api/dictionary/{creator:path}/{group}/{element}", api_entry),
    ]


def entry_address(creator: str | None, group: str, element: str) -> str:
    """Return the address of an entry's page."""
    return f"/dictionary/{quote(creator or PUBLIC, safe='')}/{group}/{element}"


def search_view(search: EntrySearch, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the entries that fit the parameters of a URL, a page of them.

    Raises
    ------
    ValueError
        A parameter cannot be understood.
    """
    found = search.find(Question.from_query(given))
    last_page = max(1, -(-len(found.entries) // PAGE_SIZE))
    number = min(whole_number(given, "page", 1, 10**6), last_page)
    begin = (number - 1) * PAGE_SIZE
    return {
        "found": len(found.entries),
        "page": number,
        "last_page": last_page,
        "entries": [_summary(it) for it in found.entries[begin : begin + PAGE_SIZE]],
        "vendors": found.vendors,
        "only": found.only,
    }


def entry_view(search: EntrySearch, store: LogStore, entry: Entry) -> dict[str, Any]:
    """Return what is known of an entry, and what the log has of its element."""
    known = search.ready()
    spellings = known.dictionary.spellings().get(entry.creator or "", ())
    stated = {flag: text for flag, text in _CONFLICTS if flag in entry.flags}
    return entry.to_json() | {
        "address": _address(entry),
        "vendor": vendor_of(entry.creator) if entry.creator else STANDARD,
        "spellings": [it for it in spellings if it != entry.creator],
        "disagreement": next(iter(stated.values()), ""),
        "sources": [_source(known.sources, it) for it in entry.to_json()["sources"]],
        "neighbours": _neighbours(search, entry),
        "log": _in_log(store, entry),
    }


def _view(site: Site, search: EntrySearch, request: Request) -> dict[str, Any]:
    creator, group, element = (request.path_params[it] for it in ("creator", "group", "element"))
    creator = "" if creator == PUBLIC else creator
    entry = _entry(search, creator, group.lower(), element.lower())
    if entry is None:
        tag = f"({group},{element})"
        raise HTTPException(
            404,
            f"The dictionary has no entry {tag} of {creator}." if creator
            else f"The dictionary has no public element {tag}.",
        )  # fmt: skip
    return entry_view(search, site.store, entry)


def _entry(search: EntrySearch, creator: str, group: str, element: str) -> Entry | None:
    known = search.ready()
    found = known.by_key.get((creator, group, element))
    if found is not None:
        return found
    try:
        numbers = int(group, 16), int(element.replace("x", "0"), 16)
    except ValueError:
        return None
    if max(numbers) > 0xFFFF or min(numbers) < 0:
        return None
    if creator:
        # As an object spells it, or a tag of an object in the place of a key.
        return known.dictionary.private(creator, *numbers)
    return known.dictionary.public(numbers[0] << 16 | numbers[1])


def _given(query: Mapping[str, str]) -> dict[str, str]:
    return {name: query[name].strip() for name in _PARAMETERS if query.get(name, "").strip()}


def _info(search: EntrySearch) -> dict[str, Any]:
    """Return what the dictionary says of itself, for the page without a question."""
    known = search.ready()
    private = [it for it in known.entries if it.creator]
    return {
        "entries": len(known.entries),
        "private": len(private),
        "creators": len({it.creator for it in private}),
        "disagreements": known.count("disagreement"),
        "observed": known.count("observed"),
        "sources": list(known.sources.values()),
    }


def _address(entry: Entry) -> str:
    return entry_address(entry.creator, entry.key.group_text, entry.key.element_text)


def _summary(entry: Entry) -> dict[str, Any]:
    return {
        "address": _address(entry),
        "creator": entry.creator,
        "group": entry.key.group_text,
        "element": entry.key.element_text,
        "vr": entry.vr,
        "vm": entry.vm,
        "name": entry.name,
        "keyword": entry.keyword,
        "confidence": entry.confidence,
        "flags": [it.name.lower() for it in entry.flags if it.name],
        "sources": list(dict.fromkeys(it.id for it in entry.sources)),
        "vendor": vendor_of(entry.creator) if entry.creator else STANDARD,
    }


def _source(known: Mapping[str, Mapping[str, Any]], said: Mapping[str, str]) -> dict[str, Any]:
    """Return one source of an entry with what the dictionary says of the source itself."""
    source = known.get(said["id"], {})
    return {
        "id": said["id"],
        **{it: str(source.get(it, "")) for it in ("title", "version", "licence", "origin")},
        "stated": said["stated"],
        "evidence": [part for part in said["detail"].split("; ") if part],
    }


def _neighbours(search: EntrySearch, entry: Entry) -> list[dict[str, Any]]:
    """Return the other entries of a private block."""
    if entry.creator is None:
        return []
    block = search.ready().dictionary.block(entry.creator, entry.group)
    return [_summary(it) for it in block or () if it.key != entry.key]


def _in_log(store: LogStore, entry: Entry) -> dict[str, Any]:
    """Return how often the log has an element, from which devices, and where it was last."""
    if entry.creator is None:
        return {"by_status": {}, "devices": {}, "latest": []}
    key = str(entry.key)
    found = store.facets(Selection(creator=entry.creator, element=key))
    latest = store.elements(LogFilter(creator=entry.creator, tag=key), _LATEST)
    return {
        "by_status": {status.value: count for status, count in found.by_status.items() if count},
        "devices": {
            facet: [{"name": name, "elements": count} for name, count in found.values[facet]]
            for facet in ("manufacturer", "model", "software")
        },
        "latest": [
            {
                "object_id": it.object_id,
                "received_at": iso(it.received_at),
                "calling_ae": it.calling_ae,
                "path": it.element.path,
                "vr_before": it.element.vr_before,
                "vr": it.element.vr,
                "status": it.element.status.value,
                "value": it.element.value,
                "truncated": it.element.truncated,
            }
            for it in latest
        ],
    }
