"""A query SCU on a bare socket: it asks, and keeps of every response each byte and when it came."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.scanner import (
    EXPLICIT,
    IMPLICIT,
    NO_DATA_SET,
    P_DATA,
    AssociationEndedError,
    Scanner,
    command_set,
    elements_of,
    p_data,
)

PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1.1"
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
WORKLIST = "1.2.840.10008.5.1.4.31"
C_FIND_RQ, C_CANCEL_RQ = 0x0020, 0x0FFF
PENDING = (0xFF00, 0xFF01)
NOT_NULL = 0x0001


@dataclass(frozen=True)
class FindResponse:
    """A C-FIND response: its status, command set and identifier, and when it came."""

    status: int
    command: dict[int, bytes]
    identifier: bytes
    at: float

    @property
    def comment(self) -> str:
        return self.command.get(0x0902, b"").decode("latin-1").strip()


class Workstation(Scanner):
    """One association from a workstation; it proposes the study root model."""

    def __init__(self, port: int, contexts=((STUDY_ROOT, (EXPLICIT, IMPLICIT)),), **more) -> None:
        super().__init__(port, contexts, calling=more.pop("calling", "WORKSTATION"), **more)

    def __enter__(self) -> Workstation:
        self.associate()
        return self

    def ask(
        self,
        identifier: bytes,
        sop_class: str = STUDY_ROOT,
        message_id: int = 1,
        field: int = C_FIND_RQ,
        more: tuple[tuple[int, str], ...] = (),
    ) -> None:
        """Send a request, C-FIND unless another command `field` is given."""
        context, _ = self.accepted[sop_class]
        command = command_set(
            (
                (0x0002, sop_class),
                (0x0100, field),
                (0x0110, message_id),
                *more,
                (0x0700, 2),
                (0x0800, NOT_NULL),
            )
        )
        parts = [*p_data(context, command, self.limit, command=True)]
        parts += p_data(context, identifier, self.limit, command=False)
        self.sock.sendall(b"".join(parts))

    def cancel(self, message_id: int = 1, sop_class: str = STUDY_ROOT) -> None:
        context, _ = self.accepted[sop_class]
        command = command_set(((0x0100, C_CANCEL_RQ), (0x0120, message_id), (0x0800, NO_DATA_SET)))
        self.sock.sendall(b"".join(p_data(context, command, self.limit, command=True)))

    def responses(self) -> Iterator[FindResponse]:
        """Yield the responses to a request, the final one last."""
        while True:
            response = self.next_response()
            yield response
            if response.status not in PENDING:
                return

    def find(self, identifier: bytes, sop_class: str = STUDY_ROOT) -> list[FindResponse]:
        self.ask(identifier, sop_class)
        return list(self.responses())

    def next_response(self) -> FindResponse:
        parts = {1: b"", 0: b""}
        wanted = {1}
        while wanted:
            kind, body = self.read_pdu()
            if kind != P_DATA:
                raise AssociationEndedError(f"PDU type {kind} in the place of a response")
            while body:
                length, _, control = struct.unpack_from(">IBB", body)
                parts[control & 1] += body[6 : 4 + length]
                body = body[4 + length :]
                if control & 2:
                    wanted.discard(control & 1)
                    if control & 1:
                        command = elements_of(parts[1])
                        if command[0x0800] != struct.pack("<H", NO_DATA_SET):
                            wanted.add(0)
        (status,) = struct.unpack("<H", command[0x0900])
        return FindResponse(status, command, parts[0], time.perf_counter())
