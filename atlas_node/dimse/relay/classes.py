"""The SOP classes that are passed on to an upstream, and what their requests are about.

`negotiation` asks which service a proposed class belongs to, `find` by which attribute two
upstreams' answers are the same.
"""

from __future__ import annotations

from typing import Final

from pydicom.dataset import Dataset
from pynetdicom import sop_class

from atlas_node.config import QueryService

_SUFFIXES: Final[dict[str, QueryService]] = {
    "Find": "find",
    "Query": "find",
    "Get": "get",
    "Move": "move",
}
# Its C-FIND is one of six services that all need the same provider.
_NOT_ONE: Final = "UnifiedProcedureStep"

_SERVICES: Final[dict[str, QueryService]] = {
    str(uid): service
    for group in vars(sop_class).values()
    if isinstance(group, dict)
    for keyword, uid in group.items()
    for suffix, service in _SUFFIXES.items()
    if isinstance(keyword, str) and keyword.endswith(suffix) and not keyword.startswith(_NOT_ONE)
}

_WORKLIST: Final = "1.2.840.10008.5.1.4.31"
_HIERARCHICAL: Final = "1.2.840.10008.5.1.4.1.2."
_LEVELS: Final = {"frame": "image"}

UNIQUE_KEYS: Final = {
    "patient": (0x00100020, 0x00100021),
    "study": (0x0020000D,),
    "series": (0x0020000E,),
    "image": (0x00080018,),
}
"""What the answers at each level are told apart by (PS3.4 C.6.1.1 and C.6.2.1)."""


def service_of(sop_class_uid: str) -> QueryService | None:
    """Return the service of a SOP class; None for one that is not passed on."""
    return _SERVICES.get(sop_class_uid)


def level_of(sop_class_uid: str, identifier: Dataset) -> str | None:
    """Return at which level a request is, in lower case.

    Returns
    -------
    str or None
        ``worklist`` for a modality worklist, Query/Retrieve Level (0008,0052) for the patient
        root and study root models, whatever it says; None for a class that has no levels.
    """
    if sop_class_uid == _WORKLIST:
        return "worklist"
    if not sop_class_uid.startswith(_HIERARCHICAL):
        return None
    stated = str(identifier.get("QueryRetrieveLevel") or "").strip().lower()
    return _LEVELS.get(stated, stated)
