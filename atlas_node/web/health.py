"""/healthz and /readyz, for load balancers and supervisors: the addresses that need no password.

/healthz says that this process answers, and nothing of anything else: a restart mends no database.
/readyz says whether an object that is sent now would be taken. The log does not decide it, for
objects wait in the spool while it is away. Both tell no more than a word for each part.
"""

from __future__ import annotations

import os
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atlas_node.activity import Activity, read_activity
from atlas_node.activity.metrics import SPOOL_BYTES, SPOOL_OBJECTS
from atlas_node.config import SpoolSettings
from atlas_node.errors import LogError
from atlas_node.web.site import Json, Site


def routes(site: Site) -> list[Route]:
    """Return both."""

    def healthz(request: Request) -> Response:
        return Json({"status": "ok"})

    def readyz(request: Request) -> Response:
        ready, checks = readiness(site)
        answer = {"status": "ready" if ready else "not ready", "checks": checks}
        return Json(answer, status_code=200 if ready else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def readiness(site: Site) -> tuple[bool, dict[str, str]]:
    """Return whether the node takes objects, and a word on each part of it."""
    spool = site.config.spool
    activity = read_activity(spool.path)
    receives = any(
        it.state == "serving" and it.name.startswith("receiver-") for it in activity.processes
    )
    checks = {
        "receiver": "ok" if receives else "none serves",
        "spool": spool_state(activity, spool),
        "log": log_state(site),
    }
    return checks["receiver"] == checks["spool"] == "ok", checks


def log_state(site: Site) -> str:
    """Return "ok" or "unreadable"."""
    try:
        site.store.newest()
    except LogError:
        return "unreadable"
    return "ok"


def spool_state(activity: Activity, spool: SpoolSettings) -> str:
    """Return "ok", "full" when one of its limits is reached, or "unreadable"."""
    limits = spool.limits
    free = free_bytes(spool)
    if free is None:
        return "unreadable"
    full = (
        activity.value(SPOOL_OBJECTS) >= limits.max_objects
        or activity.value(SPOOL_BYTES) >= limits.max_bytes
        or free <= limits.min_free_bytes
    )
    return "full" if full else "ok"


def free_bytes(spool: SpoolSettings) -> int | None:
    """Return the bytes that are free on the disk of the spool, None when it cannot be asked."""
    try:
        disk = os.statvfs(spool.path)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def spool_view(activity: Activity, spool: SpoolSettings) -> dict[str, Any]:
    """Return how full the spool is, as the status page shows it."""
    return {
        "state": spool_state(activity, spool),
        "objects": int(activity.value(SPOOL_OBJECTS)),
        "bytes": int(activity.value(SPOOL_BYTES)),
        "free_bytes": free_bytes(spool),
        "max_objects": spool.limits.max_objects,
        "max_bytes": spool.limits.max_bytes,
        "min_free_bytes": spool.limits.min_free_bytes,
    }
