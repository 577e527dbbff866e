"""What is in the studies that a retrieval is about: the SOP classes, as the upstream tells them.

`move` asks before it opens the association on which the objects come. That has room for 128
presentation contexts: enough for every storage class in explicit and implicit VR, or for a few
classes in all the transfer syntaxes in which their objects may stand in the archive.
"""

from __future__ import annotations

import time
from typing import Final

from pydicom.dataset import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)

from atlas_node.config import NodeSettings, Upstream
from atlas_node.dimse.relay.identifier import decode_identifier, encode_identifier
from atlas_node.dimse.relay.retrieving import open_upstream
from atlas_node.dimse.status import PENDING, PENDING_WITHOUT_KEYS
from atlas_node.dimse.transport.command_set import (
    AFFECTED_SOP_CLASS_UID,
    C_FIND_RQ,
    COMMAND_FIELD,
    PRIORITY,
    STATUS,
    number,
    uid,
    us,
)
from atlas_node.dimse.transport.served_request import ServedRequest
from atlas_node.errors import PeerError

_FIND_OF: Final = {
    str(PatientRootQueryRetrieveInformationModelGet): str(
        PatientRootQueryRetrieveInformationModelFind
    ),
    str(StudyRootQueryRetrieveInformationModelGet): str(StudyRootQueryRetrieveInformationModelFind),
}
_PENDING: Final = (PENDING, PENDING_WITHOUT_KEYS)
_MOST_STUDIES: Final = 100
_PATIENCE: Final = 5.0
"""Seconds for all responses: where it takes longer the retrieval is not held up for it."""


def classes_in(
    request: ServedRequest,
    identifier: Dataset,
    service: str,
    upstream: Upstream,
    node: NodeSettings,
    longest: int,
) -> list[str]:
    """Return the SOP classes in the studies of a retrieval (C-FIND, (0008,0062)).

    Parameters
    ----------
    request : ServedRequest
        When it is cancelled, or its caller goes, the upstream is not waited for.
    identifier : Dataset
        Of the request: its patient and studies, at whatever level.
    service : str
        SOP class of the retrieval, C-GET.
    upstream : Upstream
    node : NodeSettings
    longest : int
        Bytes that the identifier of a response may have.

    Returns
    -------
    list of str
        Empty where the upstream does not say it, or has more studies than are worth asking about.
    """
    find = _FIND_OF.get(service)
    if find is None:
        return []
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    for keyword in "PatientID", "StudyInstanceUID":
        setattr(query, keyword, identifier.get(keyword) or "")
    if not query.PatientID and not query.StudyInstanceUID:
        return []
    query.SOPClassesInStudy = ""
    try:
        opened = open_upstream(upstream, node, find, (), longest)
    except PeerError:
        return []
    found: dict[str, None] = {}
    command = {
        COMMAND_FIELD: us(C_FIND_RQ), AFFECTED_SOP_CLASS_UID: uid(find), PRIORITY: us(0),
    }  # fmt: skip
    try:
        context_id, syntax = opened.context_of(find)
        conversation = opened.conversation
        conversation.request(context_id, command, [encode_identifier(query, syntax)])
        give_up = time.monotonic() + _PATIENCE
        studies = 0
        while studies < _MOST_STUDIES and (left := give_up - time.monotonic()) > 0:
            request.listen()
            if request.is_cancelled or request.is_gone:
                break
            message = conversation.receive(bell=request.bell, seconds=left)
            if message is None:
                continue
            studies += 1
            if number(message.command, STATUS) not in _PENDING:
                conversation.release()
                return list(found)
            classes = decode_identifier(message.identifier, syntax).get("SOPClassesInStudy")
            if not classes:
                break
            listed = [classes] if isinstance(classes, str) else classes
            found.update(dict.fromkeys(map(str, listed)))
    except (PeerError, ValueError):
        pass
    opened.conversation.abort()
    return []
