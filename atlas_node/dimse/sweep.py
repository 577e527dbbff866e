"""Retrieving everything that an archive has, study by study (C-FIND and C-GET, PS3.4 annex C).

`atlas-node index backfill` uses it: each object is handed on as its encoded data set and then
forgotten. It runs beside the node, on pynetdicom's own associations: how long it takes does not
matter to anybody who waits for an image. The rule: what an archive says it has left out is never
taken for all there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from atlas_node.dimse.presentation import COMPRESSED, MOST_COMPRESSED
from atlas_node.dimse.status import (
    PENDING,
    PENDING_WITHOUT_KEYS,
    PROCESSING_FAILURE,
    SUCCESS,
    describe,
)
from atlas_node.errors import AtlasError, PeerError

Take = Callable[[memoryview, str], None]
"""Gets an encoded data set and its transfer syntax."""

_MOST_CONTEXTS: Final = 128
_PENDING: Final = (PENDING, PENDING_WITHOUT_KEYS)
_LONGEST_COMMENT: Final = 64


@dataclass(frozen=True, slots=True)
class Study:
    """A study of an archive.

    Attributes
    ----------
    uid : str
        Study Instance UID.
    sop_classes : tuple of str
        Those in the study, where the archive tells.
    objects : int or None
        How many it has, where the archive tells.
    """

    uid: str
    sop_classes: tuple[str, ...] = ()
    objects: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The studies of an archive, and why that are not all; empty when they are."""

    studies: list[Study]
    missing: str


@dataclass(frozen=True, slots=True)
class Retrieved:
    """How many objects of a study came, and why that are not all; empty when they are."""

    objects: int
    missing: str


class Sweep:
    """All studies of one archive.

    Parameters
    ----------
    caller : Caller
        Of the archive.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def studies(self) -> Listing:
        """List the studies of the archive.

        Raises
        ------
        PeerError
            When it cannot be asked or answers with a failure.
        """
        query = Dataset()
        query.QueryRetrieveLevel = "STUDY"
        query.StudyInstanceUID = ""
        query.SOPClassesInStudy = ""
        query.NumberOfStudyRelatedInstances = ""
        find = build_context(StudyRootQueryRetrieveInformationModelFind)
        assoc = self._caller.associate([find])
        found, unread, warning = [], 0, ""
        try:
            for status, identifier in assoc.send_c_find(
                query, StudyRootQueryRetrieveInformationModelFind
            ):
                if not self._pending(status, "its studies"):
                    warning = _warning(status)
                elif (study := _study(identifier)) is not None:
                    found.append(study)
                else:
                    unread += 1
        finally:
            _end(assoc)
        if unread:
            warning = ", ".join(filter(None, (warning, f"{unread} responses without a study")))
        if warning:
            warning = f"{self._caller.peer}: does not tell all of its studies: {warning}"
        return Listing(found, warning)

    def retrieve(self, study: Study, take: Take) -> Retrieved:
        """Retrieve the objects of a study and hand each on.

        Parameters
        ----------
        study : Study
            Where it names no SOP classes the usual ones are asked for.
        take : callable

        Raises
        ------
        PeerError
            When the archive cannot be asked or answers with a failure.
        AtlasError
            What `take` has raised first; the archive was told that this object is not stored.
        """
        count = 0
        faults: list[AtlasError] = []

        def store(event: evt.Event) -> int:
            nonlocal count
            request: Any = event.request
            try:
                take(request.DataSet.getbuffer(), str(event.context.transfer_syntax))
            except AtlasError as error:
                faults.append(error)
                return PROCESSING_FAILURE
            count += 1
            return SUCCESS

        contexts = [
            build_context(StudyRootQueryRetrieveInformationModelGet),
            *_storage(study.sop_classes),
        ]
        classes = dict.fromkeys(str(it.abstract_syntax) for it in contexts[1:])
        roles = [_provider_of(it) for it in classes]
        assoc = self._caller.associate(
            contexts, ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, store)]
        )
        query = Dataset()
        query.QueryRetrieveLevel = "STUDY"
        query.StudyInstanceUID = study.uid
        warning = ""
        try:
            for status, _ in assoc.send_c_get(query, StudyRootQueryRetrieveInformationModelGet):
                if not self._pending(status, f"study {study.uid!a}"):
                    warning = _warning(status)
        finally:
            _end(assoc)
            if faults:
                raise faults[0]
        if warning:
            warning = f"{self._caller.peer}: study {study.uid!a} came in part: {warning}"
        return Retrieved(count, warning)

    def _pending(self, status: Dataset, what: str) -> bool:
        """Whether more will come after this response to a request for something.

        Raises
        ------
        PeerError
            When it is a failure, or the association ended.
        """
        if "Status" not in status:
            why = "ended the association or did not answer"
            raise PeerError(f"{self._caller.peer}: {what}: {why}")
        if status.Status in _PENDING:
            return True
        if status.Status != SUCCESS and status.Status >> 12 != 0xB:
            comment = str(status.get("ErrorComment", ""))
            raise PeerError(f"{self._caller.peer}: {what}: {describe(status.Status, comment)}")
        return False


def _study(identifier: Dataset | None) -> Study | None:
    """Return what a response tells of a study; None when it cannot be read, or names none."""
    if identifier is None:
        return None
    try:
        uid = str(identifier.get("StudyInstanceUID") or "")
        classes = identifier.get("SOPClassesInStudy") or []
        listed = [classes] if isinstance(classes, str) else list(classes)
    except (ValueError, TypeError):
        return None
    if not uid:
        return None
    try:
        objects = int(identifier.get("NumberOfStudyRelatedInstances"))
    except (ValueError, TypeError):
        objects = None
    return Study(uid, tuple(map(str, listed)), objects)


def _warning(status: Dataset) -> str:
    """Return what a final response says of what was left out; empty when it says nothing.

    Such are the warning 0xB000 (PS3.4 C.4.1.1.4 and C.4.3.1.4), and any failed sub-operations.
    """
    failed = int(status.get("NumberOfFailedSuboperations") or 0)
    if status.Status == SUCCESS and not failed:
        return ""
    said = [f"status 0x{status.Status:04X}"]
    if failed:
        done = [
            int(status.get(f"NumberOf{it}Suboperations") or 0) for it in ("Completed", "Warning")
        ]
        said.append(f"{failed} of {failed + sum(done)} objects failed")
    if comment := str(status.get("ErrorComment") or ""):
        said.append(ascii(comment[:_LONGEST_COMMENT])[1:-1])
    return ", ".join(said)


def _storage(sop_classes: tuple[str, ...]) -> Iterator[PresentationContext]:
    """Yield contexts for objects of some classes: in every form where there is room for that.

    Only what the objects say of themselves is read, so that of those that the archive cannot
    decompress is as good.
    """
    usual = [str(it.abstract_syntax) for it in StoragePresentationContexts]
    wanted = list(dict.fromkeys(sop_classes or usual))[: _MOST_CONTEXTS - 1]
    for sop_class in wanted:
        yield build_context(sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        for form in COMPRESSED if len(wanted) <= MOST_COMPRESSED else ():
            yield build_context(sop_class, [form])


def _provider_of(sop_class: str) -> SCP_SCU_RoleSelectionNegotiation:
    role: Any = SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid, role.scu_role, role.scp_role = sop_class, False, True
    return role  # type: ignore[no-any-return]


def _end(assoc: Association) -> None:
    if assoc.is_established:
        assoc.release()
