"""Messages of other services than storage and verification, which pynetdicom serves.

`DataTransfer` begins a `PassedOn` for each. pynetdicom puts it together, decodes it and hands it to
the handler that is bound to its service. The rule: both the length of a message and the number of
those that wait to be served are bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pynetdicom.pdu_primitives import P_DATA

from atlas_node.dimse.transport.command_set import N_EVENT_REPORT_RQ
from atlas_node.dimse.transport.fragments import ProtocolError
from atlas_node.dimse.transport.sending import COMMAND, LAST

if TYPE_CHECKING:
    from atlas_node.dimse.transport.acceptor import AcceptedAssociation

_LONGEST_DATA_SET: Final = 1 << 24
"""Identifiers and lists of references are put together in memory."""
_MOST_WAITING: Final = 32
"""Messages that a peer may send without waiting for the answers."""


class PassedOn:
    """A message that pynetdicom puts together, decodes and answers.

    Raises
    ------
    ProtocolError
        When too many wait to be answered already, or it is none that pynetdicom knows.
    """

    def __init__(
        self, assoc: AcceptedAssociation, context_id: int, field: int, command_set: bytes
    ) -> None:
        if assoc.waiting_messages() >= _MOST_WAITING:
            raise ProtocolError(f"{_MOST_WAITING} messages were sent without waiting for answers")
        if field == N_EVENT_REPORT_RQ:
            assoc.count_report(1)
        self._assoc = assoc
        self._context_id = context_id
        self._size = 0
        self._give(COMMAND | LAST, command_set)

    def take(self, data: memoryview) -> None:
        """Give it the next bytes.

        Raises
        ------
        ProtocolError
            When the data set is longer than any that such a message has.
        """
        self._size += len(data)
        if self._size > _LONGEST_DATA_SET:
            raise ProtocolError(
                f"the data set of its message is longer than {_LONGEST_DATA_SET} bytes"
            )
        self._give(0, data)

    def finish(self) -> None:
        """Tell it that this was the last fragment."""
        if self._assoc.dimse.message is not None:
            self._give(LAST, b"")

    def abandon(self) -> None:
        """Do nothing: it goes with the association."""

    def _give(self, flags: int, data: bytes | memoryview) -> None:
        primitive = P_DATA()
        primitive.presentation_data_value_list = [
            [self._context_id, bytes((flags,)) + data]  # type: ignore[list-item]
        ]
        try:
            self._assoc.dimse.receive_primitive(primitive)
        except Exception as error:
            raise ProtocolError("its message is none of PS3.7") from error
