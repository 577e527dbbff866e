"""Pending responses of a query on their way to the caller, several in one system call.

A `Query` adds each as it comes and flushes when it has dealt with everything that an upstream has
said. The rule: the first goes at once, and nothing is held back while an upstream is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from atlas_node.dimse.transport.sending import PDV_OVERHEAD, Buffer, data_set_header, p_data
from atlas_node.dimse.transport.served_request import ServedRequest

_TOGETHER: Final = 1 << 15
"""Bytes that are sent at a time."""


class ResponseStream:
    """Sends the pending responses of one request; what raises does so as `ServedRequest.send`.

    Parameters
    ----------
    request : ServedRequest
    """

    def __init__(self, request: ServedRequest) -> None:
        self._request = request
        longest = request.longest_sent or _TOGETHER
        self._room = min(longest - PDV_OVERHEAD, _TOGETHER)
        self._held: list[Buffer] = []
        self._size = 0
        self._is_first = True
        self._status = -1
        self._elements: Mapping[int, bytes] | None = None
        self._command = self._command_pdus = b""

    def add(self, status: int, elements: Mapping[int, bytes], identifier: Sequence[Buffer]) -> None:
        """Add a response.

        Parameters
        ----------
        status : int
        elements : mapping of int to bytes
            Of the command set of the upstream's; the same object where nothing has changed.
        identifier : sequence of bytes or memoryview
            As encoded for the caller.
        """
        request = self._request
        if elements is not self._elements or status != self._status:
            self._elements, self._status = elements, status
            self._command = request.response(status, elements, has_identifier=True)
            alone = p_data(request.context_id, self._command, None, request.longest_sent)
            self._command_pdus = b"".join(part for batch in alone for part in batch)
        size = sum(map(len, identifier))
        if size > self._room:
            self.flush()
            request.send(
                p_data(request.context_id, self._command, identifier, request.longest_sent)
            )
            return
        self._held += (self._command_pdus, data_set_header(request.context_id, size), *identifier)
        self._size += size + len(self._command_pdus)
        if self._is_first or self._size >= _TOGETHER:
            self._is_first = False
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        if self._held:
            held, self._held, self._size = self._held, [], 0
            self._request.send([held])
