"""Retrieving everything that an archive has, study by study (C-FIND and C-GET, PS3.4 annex C).

`atlas-node index backfill` uses it: each object is handed on as its encoded data set and then
forgotten. It runs beside the node, on pynetdicom's own associations: how long it takes does not
matter to anybody who waits for an image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext, StoragePresentationContexts, build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)

from atlas_node.dimse.peer import Caller
from atlas_node.dimse.status import SUCCESS, describe
from atlas_node.errors import PeerError

Take = Callable[[memoryview, str], None]
"""Gets an encoded data set and its transfer syntax."""

_MOST_CONTEXTS: Final = 128
_PENDING: Final = (0xFF00, 0xFF01)


class Sweep:
    """All studies of one archive.

    Parameters
    ----------
    caller : Caller
        Of the archive.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def studies(self) -> list[tuple[str, list[str]]]:
        """Return the Study Instance UIDs of the archive, each with the SOP classes it names.

        Raises
        ------
        PeerError
            When it cannot be asked or answers with a failure.
        """
        query = Dataset()
        query.QueryRetrieveLevel = "STUDY"
        query.StudyInstanceUID = ""
        query.SOPClassesInStudy = ""
        find = build_context(StudyRootQueryRetrieveInformationModelFind)
        assoc = self._caller.associate([find])
        found = []
        try:
            for status, identifier in assoc.send_c_find(
                query, StudyRootQueryRetrieveInformationModelFind
            ):
                if self._pending(status) and identifier is not None:
                    classes = identifier.get("SOPClassesInStudy") or []
                    listed = [classes] if isinstance(classes, str) else list(classes)
                    found.append((str(identifier.StudyInstanceUID), [str(it) for it in listed]))
        finally:
            _end(assoc)
        return found

    def retrieve(self, study: str, sop_classes: list[str], take: Take) -> int:
        """Retrieve the objects of a study and hand each on; return how many there were.

        Parameters
        ----------
        study : str
            Study Instance UID.
        sop_classes : list of str
            Those in the study, where the archive tells; else the usual ones are asked for.
        take : callable

        Raises
        ------
        PeerError
            When the archive cannot be asked or answers with a failure.
        """
        count = 0

        def store(event: evt.Event) -> int:
            nonlocal count
            request: Any = event.request
            take(request.DataSet.getbuffer(), str(event.context.transfer_syntax))
            count += 1
            return SUCCESS

        contexts = [
            build_context(StudyRootQueryRetrieveInformationModelGet),
            *_storage(sop_classes),
        ]
        roles = [_provider_of(str(it.abstract_syntax)) for it in contexts[1:]]
        assoc = self._caller.associate(
            contexts, ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, store)]
        )
        query = Dataset()
        query.QueryRetrieveLevel = "STUDY"
        query.StudyInstanceUID = study
        try:
            for status, _ in assoc.send_c_get(query, StudyRootQueryRetrieveInformationModelGet):
                self._pending(status)
        finally:
            _end(assoc)
        return count

    def _pending(self, status: Dataset) -> bool:
        """Whether more will come after this response.

        Raises
        ------
        PeerError
            When it is a failure, or the association ended.
        """
        if "Status" not in status:
            raise PeerError(f"{self._caller.peer}: ended the association or did not answer")
        if status.Status in _PENDING:
            return True
        # Warnings of C-GET (B000) say that single objects failed; they are not indexed then.
        if status.Status != SUCCESS and status.Status >> 12 != 0xB:
            comment = str(status.get("ErrorComment", ""))
            raise PeerError(f"{self._caller.peer}: {describe(status.Status, comment)}")
        return False


def _storage(sop_classes: list[str]) -> Iterator[PresentationContext]:
    usual = [str(it.abstract_syntax) for it in StoragePresentationContexts]
    wanted = list(dict.fromkeys(sop_classes or usual))[: _MOST_CONTEXTS - 1]
    for sop_class in wanted:
        yield build_context(sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])


def _provider_of(sop_class: str) -> SCP_SCU_RoleSelectionNegotiation:
    role: Any = SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid, role.scu_role, role.scp_role = sop_class, False, True
    return role  # type: ignore[no-any-return]


def _end(assoc: Association) -> None:
    if assoc.is_established:
        assoc.release()
