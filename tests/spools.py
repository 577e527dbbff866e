"""Both sides of a spool in one process, for tests that need objects in it and no network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from atlas_node.config import SpoolSettings
from atlas_node.model import Envelope
from atlas_node.spool import Doorbell, Intake, Occupancy, Recipient, Spool


class FedSpool(Spool):
    """A spool with its intake: what `accept` has returned can be taken at once."""

    def __init__(
        self,
        settings: SpoolSettings,
        partition: int = 0,
        workers: int = 1,
        **options: Callable[[], float],
    ) -> None:
        self._closed = False
        self._listening = threading.Lock()
        self.occupancy = Occupancy(workers)
        self.doorbell = Doorbell()
        super().__init__(settings, partition, self.occupancy, self.doorbell, **options)
        self.intake = Intake(settings, partition, self.occupancy, self.doorbell, **options)

    def accept(
        self,
        envelope: Envelope,
        data: bytes | bytearray | memoryview,
        recipients: Sequence[Recipient],
    ) -> str:
        """Put an object into the spool as a receiver does."""
        arrival = self.intake.begin(envelope)
        try:
            arrival.write(data)
            object_id = arrival.commit(recipients)
        finally:
            arrival.abandon()
        with self._listening:
            self.listen(0)
        return object_id

    def close(self) -> None:
        """Close both sides; again is nothing."""
        if self._closed:
            return
        self._closed = True
        self.intake.close()
        super().close()
        self.doorbell.close()
        self.occupancy.close()
