"""The form that makes a dictionary entry of an element that was left as it was; part of Coverage.

It shows what each VR would make of the values that the log has, and refuses a VR that none of them
can have. What is saved is one more source: the engine verifies every value against it as against
any other, so that an entry which is wrong for a value leaves that value `UN`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from atlas_node.log import Sample, parse_tag
from atlas_node.web.coverage import ENTRY, SAMPLE, sample_view
from atlas_node.web.operation import (
    ANYTHING,
    COUNT,
    TEXT,
    described,
    list_of,
    or_none,
    query,
    record,
)
from atlas_node.web.readings import VRS, Reading, bytes_of, reading, readings
from atlas_node.web.rendering import link
from atlas_node.web.site import Json, Site
from atlas_node.web.site_dictionary import SiteDictionary, statement_of

_SAMPLES: Final = 200
_SHOWN: Final = 12
_FIELDS: Final = ("creator", "group", "element", "vr", "vm", "name")
_ADDRESS: Final = "/coverage/entry"


def routes(site: Site) -> list[Route]:
    """Return the form, its data, and what saves it."""

    def page(request: Request) -> Response:
        asked = dict(request.query_params)
        return _form(request, asked, _typed(asked, site))

    def _form(
        request: Request, asked: Mapping[str, str], typed: Mapping[str, str], **more: Any
    ) -> Response:
        found = entry_view(site, asked)
        return site.page(
            request, "entry.html", **found, typed=typed, vrs=VRS, shown=_SHOWN,
            saved=asked.get("saved", ""), can_reload=site.means.reload is not None, **more,
        )  # fmt: skip

    @described(
        "The logged values of an element, and the VRs in which they can be read",
        record(
            creator=TEXT, key=TEXT, samples=list_of(SAMPLE), read=COUNT, known=COUNT,
            readings=list_of(
                record(vr=TEXT, fits=COUNT, misfits=COUNT, open=COUNT, why=TEXT,
                       examples=list_of(TEXT))
            ),
            written=list_of(TEXT), dictionary=or_none(ANYTHING), site=or_none(ENTRY),
            site_file=TEXT,
        ),
        query("creator", "Private creator of the element."),
        query("element", "Its key, such as (0019,xx0c)."),
        query("vm", "How many values it should have, as in PS3.6; empty: any number."),
    )  # fmt: skip
    def api(request: Request) -> Response:
        return Json(entry_view(site, request.query_params))

    def save(request: Request) -> Response:
        typed = {name: str(request.state.form.get(name, "")) for name in _FIELDS}
        element = f"({typed['group'].strip()},{typed['element'].strip()})"
        asked = {"creator": typed["creator"], "element": element}
        try:
            statement = statement_of(**typed, by=request.state.visitor.name)
        except ValueError as error:
            try:
                return _form(request, asked, typed, code=400, error=f"{error}.")
            except ValueError:
                return site.message(request, 400, f"Nothing was saved: {error}.")
        creator, key = statement.key.creator or "", str(statement.key)
        asked = {"creator": creator, "element": key}
        known = _known(site.store.samples(creator, key, _SAMPLES)[0])
        found = reading(statement.vrs[0], known, statement.vm)
        if found.misfits and not found.fits + found.open:
            said = f"No logged value can be {found.vr}: {found.why}. Nothing was saved."
            return _form(request, asked, typed, code=409, error=said)
        if found.misfits and request.state.form.get("anyway") != "yes":
            return _form(request, asked, typed, code=409, misfit=found)
        with site.audited(request, "dictionary.add", f"{key} {creator}") as outcome:
            replaced = SiteDictionary(site.config.site_dictionary).add(statement)
            outcome.append(" ".join(it for it in (found.vr, statement.vm, statement.name) if it))
            if replaced is not None:
                outcome.append(f"in place of {replaced.vr}")
        site.reread_dictionary()
        return RedirectResponse(link(_ADDRESS, asked, saved=1), status_code=303)

    return [
        Route(_ADDRESS, page),
        Route(_ADDRESS, site.change(save), methods=["POST"]),
        Route("/api/coverage/entry", api),
    ]


def entry_view(site: Site, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what is known of an element: its values, its readings, and what dictionaries say.

    Raises
    ------
    ValueError
        There is no creator, or the element is no key of a dictionary.
    """
    creator = asked.get("creator", "").strip()
    if not creator:
        raise ValueError("creator: an element without a private creator can have no entry")
    try:
        key = parse_tag(asked.get("element", ""))
    except ValueError as error:
        raise ValueError(f"element: {error}") from None
    key = f"{key[:6]}xx{key[8:]}"
    samples, read = site.store.samples(creator, key, _SAMPLES)
    known = site.dictionary.private(creator, int(key[1:5], 16), int(key[8:10], 16))
    dictionary = SiteDictionary(site.config.site_dictionary)
    made = dictionary.find(creator, key)
    return {
        "creator": creator,
        "key": key,
        "samples": [sample_view(it) for it in samples],
        "read": read,
        "known": len(_known(samples)),
        "readings": [_reading(it) for it in readings(samples, asked.get("vm", ""))],
        "written": sorted({it.vr for it in samples} - {"UN"}),
        "dictionary": None if known is None else known.to_json(),
        "site": None if made is None else asdict(made),
        "site_file": str(dictionary.path),
    }


def _typed(asked: Mapping[str, str], site: Site) -> dict[str, str]:
    """Return what the form begins with: the site's own entry of this element, if it has one."""
    found = {name: asked.get(name, "") for name in _FIELDS}
    try:
        key = parse_tag(found["element"])
    except ValueError:
        return found
    found |= {"group": key[1:5], "element": f"xx{key[8:10]}"}
    made = SiteDictionary(site.config.site_dictionary).find(
        found["creator"], f"{key[:6]}xx{key[8:]}"
    )
    return found | ({"vr": made.vr, "vm": made.vm, "name": made.name} if made else {})


def _known(samples: tuple[Sample, ...]) -> list[tuple[bytes, bool]]:
    return [(data, it.truncated) for it in samples if (data := bytes_of(it)) is not None]


def _reading(found: Reading) -> dict[str, Any]:
    return {
        "vr": found.vr,
        "fits": found.fits,
        "misfits": found.misfits,
        "open": found.open,
        "why": found.why,
        "examples": list(found.examples),
    }
