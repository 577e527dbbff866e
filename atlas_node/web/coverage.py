"""The page Coverage: how much of what each vendor sends is decoded, and which elements are not.

From here an operator makes dictionary entries, one at a time (`entry`), and takes them back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from atlas_node.log import DeviceCoverage, Sample, Selection, UndecodedElement
from atlas_node.model import ElementStatus
from atlas_node.web.explore import AGES, BY_STATUS, SELECTION
from atlas_node.web.operation import (
    ANYTHING,
    COUNT,
    NUMBER,
    SWITCH,
    TEXT,
    described,
    list_of,
    one_of,
    or_none,
    query,
    record,
)
from atlas_node.web.readings import bytes_of
from atlas_node.web.rendering import link
from atlas_node.web.site import Json, Site, whole_number
from atlas_node.web.site_dictionary import SiteDictionary, SiteEntry

_MOST: Final = 50
_MOST_OF_ALL: Final = 500
_VERSIONS: Final = 8
STATUSES: Final = {
    ElementStatus.UNKNOWN: "The dictionary has no entry, or nothing says whose element it is.",
    ElementStatus.REFUSED: "The dictionary has an entry, but the bytes do not fit it.",
    ElementStatus.AMBIGUOUS: "The dictionary has several VRs, and the bytes do not decide.",
}
"""Why an element stays `UN`."""

_DEVICE: Final = record(
    model=TEXT, software=TEXT, objects=COUNT, by_status=BY_STATUS, share=or_none(NUMBER)
)
SAMPLE: Final = record(value=list_of(ANYTHING), truncated=SWITCH, vr=TEXT, text=TEXT)
ENTRY: Final = record(creator=TEXT, key=TEXT, vr=TEXT, vm=TEXT, name=TEXT, provenance=TEXT)
"""The schema of an entry of the site."""


def routes(site: Site) -> list[Route]:
    """Return the page, its data, and what takes an entry back."""

    def page(request: Request) -> Response:
        asked = dict(request.query_params)
        if asked.get("since") == "":
            del asked["since"]
            return RedirectResponse(link("/coverage", asked), status_code=303)
        said = {name: asked.pop(name, "") for name in ("removed", "reloaded")}
        found = coverage_view(site, asked)
        return site.page(
            request, "coverage.html", **found, query=asked, ages=AGES, why=STATUSES, said=said,
            versions=_VERSIONS, can_reload=site.means.reload is not None,
        )  # fmt: skip

    @described(
        "What is decoded, and what is not",
        record(
            objects=COUNT, by_status=BY_STATUS, share=or_none(NUMBER),
            vendors=list_of(
                record(manufacturer=TEXT, objects=COUNT, by_status=BY_STATUS,
                       share=or_none(NUMBER), devices=list_of(_DEVICE))
            ),
            status=one_of(*(it.value for it in STATUSES)),
            undecoded=list_of(
                record(creator=TEXT, key=TEXT, elements=COUNT, objects=COUNT,
                       devices=list_of(TEXT), samples=list_of(SAMPLE), site=or_none(ENTRY))
            ),
            undecoded_in_all=COUNT, site=list_of(ENTRY), site_file=TEXT, log_empty=SWITCH,
        ),
        query("status", "Which elements that were left: unknown, refused or ambiguous.",
              one_of(*(it.value for it in STATUSES))),
        *(it for it in SELECTION if it.name in ("manufacturer", "model", "software", "since")),
        query("limit", f"At most so many of them, up to {_MOST_OF_ALL}.", COUNT),
    )  # fmt: skip
    def api(request: Request) -> Response:
        return Json(coverage_view(site, request.query_params))

    def remove(request: Request) -> Response:
        form = request.state.form
        creator, key = str(form.get("creator", "")), str(form.get("element", ""))
        dictionary = SiteDictionary(site.config.site_dictionary)
        if dictionary.find(creator, key) is None:
            raise HTTPException(404, "The site's dictionary has no such entry; nothing was done.")
        with site.audited(request, "dictionary.remove", f"{key} {creator}") as said:
            removed = dictionary.remove(creator, key)
            said.append(removed.vr if removed else "it was gone already")
        site.reread_dictionary()
        return RedirectResponse("/coverage?removed=1#site", status_code=303)

    def reload(request: Request) -> Response:
        if site.means.reload is None:
            raise HTTPException(409, "No node runs in this process: send it SIGHUP.")
        with site.audited(request, "node.reload", site.config.node.ae_title):
            site.means.reload()
        return RedirectResponse("/coverage?reloaded=1#site", status_code=303)

    return [
        Route("/coverage", page),
        Route("/coverage/remove", site.change(remove), methods=["POST"]),
        Route("/coverage/reload", site.change(reload), methods=["POST"]),
        Route("/api/coverage", api),
    ]


def coverage_view(site: Site, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return shares by vendor and software version, and the elements that were left.

    Parameters
    ----------
    asked : mapping of str to str
        Facets of a device and ``since``; ``status``, which of the elements that were left; and
        ``limit``.

    Raises
    ------
    ValueError
        A condition cannot be understood.
    """
    devices = {name: asked[name] for name in ("manufacturer", "model", "software", "since")
               if name in asked}  # fmt: skip
    wanted = Selection.from_text(devices | {"status": asked.get("status") or "unknown"})
    if wanted.status not in STATUSES:
        raise ValueError(f"status: expected one of {', '.join(STATUSES)}")
    covered = site.store.coverage(wanted)
    limit = whole_number(asked, "limit", _MOST, _MOST_OF_ALL)
    undecoded, in_all = site.store.undecoded(wanted, limit)
    dictionary = SiteDictionary(site.config.site_dictionary)
    entries = dictionary.entries()
    by_name = {(it.creator.casefold(), it.key): it for it in entries}
    by_status = _added(covered)
    return {
        "objects": sum(it.objects for it in covered),
        "by_status": by_status,
        "share": share(by_status),
        "vendors": _vendors(covered),
        "status": wanted.status.value,
        "undecoded": [
            _undecoded(it, by_name.get((it.creator.casefold(), it.key))) for it in undecoded
        ],
        "undecoded_in_all": in_all,
        "site": [asdict(it) for it in entries],
        "site_file": str(dictionary.path),
        "log_empty": not covered and site.store.newest() == 0,
    }


def share(by_status: Mapping[str, int]) -> float | None:
    """Return which part of the elements that came without a VR was decoded; None without such."""
    left = sum(by_status[status.value] for status in STATUSES)
    decoded = by_status[ElementStatus.DECODED.value]
    return decoded / (decoded + left) if decoded + left else None


def sample_view(sample: Sample) -> dict[str, Any]:
    """Return a value as the log has it; of bytes that are plain ASCII the text, too."""
    data = (bytes_of(sample) or b"").strip(b" \0")
    text = data.decode("ascii") if data.isascii() else ""
    return {
        "value": sample.value,
        "truncated": sample.truncated,
        "vr": sample.vr,
        "text": text if text.isprintable() else "",
    }


def _undecoded(element: UndecodedElement, made: SiteEntry | None) -> dict[str, Any]:
    return {
        "creator": element.creator,
        "key": element.key,
        "elements": element.elements,
        "objects": element.objects,
        "devices": list(element.devices),
        "samples": [sample_view(it) for it in element.samples],
        "site": None if made is None else asdict(made),
    }


def _vendors(covered: Sequence[DeviceCoverage]) -> list[dict[str, Any]]:
    """Return the devices by manufacturer, those with the most elements first."""
    by_vendor: dict[str, list[DeviceCoverage]] = {}
    for device in covered:
        by_vendor.setdefault(device.manufacturer, []).append(device)
    found = []
    for manufacturer, devices in by_vendor.items():
        by_status = _added(devices)
        found.append({
            "manufacturer": manufacturer,
            "objects": sum(it.objects for it in devices),
            "by_status": by_status,
            "share": share(by_status),
            "devices": [_device(it) for it in devices],
        })  # fmt: skip
    return sorted(found, key=lambda it: -sum(it["by_status"].values()))


def _device(device: DeviceCoverage) -> dict[str, Any]:
    by_status = {status.value: count for status, count in device.by_status.items()}
    return {
        "model": device.model,
        "software": device.software,
        "objects": device.objects,
        "by_status": by_status,
        "share": share(by_status),
    }


def _added(covered: Sequence[DeviceCoverage]) -> dict[str, int]:
    return {it.value: sum(device.by_status[it] for device in covered) for it in ElementStatus}
