"""The sub-operations of a retrieval: how many there are, and what the caller is told of them.

`get` and `move` keep one `Tally` for each request, over all upstreams that it goes to. The rule:
an object counts as completed only when who it is for has answered that it stored it; what an
upstream says is taken for what the node cannot know, which is what it could not send and what is
still to come.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pydicom.filereader import read_dataset
from pydicom.uid import UID, ImplicitVRLittleEndian

from atlas_node.dimse.status import (
    ALL_FAILED,
    CANCELLED,
    SOME_FAILED,
    SUCCESS,
    Answer,
    Verdict,
    verdict,
)
from atlas_node.dimse.transport.command_set import (
    NUMBER_OF_COMPLETED,
    NUMBER_OF_FAILED,
    NUMBER_OF_REMAINING,
    NUMBER_OF_WARNING,
    CommandSetError,
    number,
    us,
)

_FAILED_LIST: Final = 0x00080058
_LONGEST_LIST: Final = 0xFFFE
"""Bytes that a UI has room for in explicit VR (PS3.5 7.1.2)."""
_MOST: Final = 0xFFFF
_IMPLICIT: Final = struct.Struct("<HHI")
_EXPLICIT: Final = struct.Struct("<HH2sH")


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of sub-operations (PS3.7 9.1.3.1.6 to 9.1.3.1.9).

    Attributes
    ----------
    remaining : int or None
        None where it is not known.
    completed, failed, warning : int
    """

    remaining: int | None = None
    completed: int = 0
    failed: int = 0
    warning: int = 0

    @classmethod
    def said_in(cls, response: Mapping[int, bytes]) -> Counts:
        """Return the numbers in a C-GET or C-MOVE response; each of them may be missing."""
        return cls(
            _count(response, NUMBER_OF_REMAINING),
            _count(response, NUMBER_OF_COMPLETED) or 0,
            _count(response, NUMBER_OF_FAILED) or 0,
            _count(response, NUMBER_OF_WARNING) or 0,
        )

    def elements_of_final(self) -> dict[int, bytes]:
        """Return them for a final response, in which nothing remains (PS3.7 9.1.3.1.6)."""
        return replace(self, remaining=None).elements()

    def elements(self) -> dict[int, bytes]:
        """Return them as elements of a command set."""
        elements = {
            NUMBER_OF_COMPLETED: us(min(self.completed, _MOST)),
            NUMBER_OF_FAILED: us(min(self.failed, _MOST)),
            NUMBER_OF_WARNING: us(min(self.warning, _MOST)),
        }
        if self.remaining is not None:
            elements[NUMBER_OF_REMAINING] = us(min(self.remaining, _MOST))
        return elements


class Tally:
    """What has become of the sub-operations of one request so far."""

    def __init__(self) -> None:
        self._witnessed = True
        self._before = Counts()
        self._said = Counts()
        self._completed = self._warning = 0
        self._refused = self._refused_later = self._lost = self._repeated = 0
        self._total: int | None = None
        self._failed: dict[str, None] = {}
        self._length_of_failed = 0

    @property
    def counts(self) -> Counts:
        """The numbers now."""
        before, said = self._before, self._said
        if self._witnessed:
            completed, warning = self._completed, self._warning
            # What was refused at once the upstream counts, too; beside what it could not send.
            failed = max(self._refused, said.failed) + self._refused_later
        else:
            completed, warning, failed = said.completed, said.warning, said.failed
        failed += self._lost
        remaining = None
        if self._total is not None:
            done = completed + warning + failed + self._repeated
            remaining = max(0, self._total - done)
        return Counts(
            remaining,
            before.completed + completed,
            before.failed + failed,
            before.warning + warning,
        )

    @property
    def failed(self) -> tuple[str, ...]:
        """SOP Instance UIDs that failed, as many as a response can name."""
        return tuple(self._failed)

    def begin(self, *, witnessed: bool = True) -> None:
        """Begin with the next upstream.

        Parameters
        ----------
        witnessed : bool
            Whether its objects come by the node; else its own words are all there is.
        """
        self._before = self.counts
        self._witnessed = witnessed
        self._said = Counts()
        self._completed = self._warning = 0
        self._refused = self._refused_later = self._lost = self._repeated = 0
        self._total = None

    def answered(self, sop_instance_uid: str, answer: Answer, *, told: bool) -> None:
        """Count an object by what its receiver has answered.

        Parameters
        ----------
        sop_instance_uid : str
        answer : Answer
        told : bool
            Whether the upstream knows of a refusal, so that it counts it, too.
        """
        if verdict(answer.status) is Verdict.STORED and sop_instance_uid in self._failed:
            # It failed when an earlier upstream had sent it.
            del self._failed[sop_instance_uid]
            self._length_of_failed -= len(sop_instance_uid) + 1
            self._before = replace(self._before, failed=max(0, self._before.failed - 1))
        if answer.status == SUCCESS:
            self._completed += 1
        elif verdict(answer.status) is Verdict.STORED:
            self._warning += 1
        else:
            if told:
                self._refused += 1
            else:
                self._refused_later += 1
            self.name_failed([sop_instance_uid])

    def repeated(self) -> None:
        """Pass over an object that an earlier upstream has sent, and that is counted there."""
        self._repeated += 1

    def reported(self, response: Mapping[int, bytes]) -> None:
        """Take what the upstream says in a response."""
        self._said = said = Counts.said_in(response)
        if said.remaining is not None:
            self._total = said.remaining + said.completed + said.failed + said.warning

    def lost(self) -> None:
        """Count what remained as failed: the upstream will not send it."""
        self._lost += self.counts.remaining or 0

    def name_failed(self, uids: Iterable[str]) -> None:
        """Add instances to those that failed."""
        for uid in uids:
            length = self._length_of_failed + len(uid) + 1
            if uid and uid not in self._failed and length <= _LONGEST_LIST:
                self._failed[uid] = None
                self._length_of_failed = length


def failed_list(uids: Iterable[str], transfer_syntax_uid: str) -> bytes:
    """Return the identifier of a final response: Failed SOP Instance UID List (PS3.4 C.4.2.1.4.2).

    Parameters
    ----------
    uids : iterable of str
    transfer_syntax_uid : str
        Little endian, of the presentation context.
    """
    value = "\\".join(uids).encode("ascii", "replace")
    value += b"\0" * (len(value) & 1)
    group, element = _FAILED_LIST >> 16, _FAILED_LIST & 0xFFFF
    if transfer_syntax_uid == ImplicitVRLittleEndian:
        return _IMPLICIT.pack(group, element, len(value)) + value
    return _EXPLICIT.pack(group, element, b"UI", len(value)) + value


def failed_in(identifier: bytes, transfer_syntax_uid: str) -> list[str]:
    """Return the instances that the identifier of a final response names, none if damaged."""
    syntax = UID(transfer_syntax_uid)
    try:
        ds = read_dataset(io.BytesIO(identifier), syntax.is_implicit_VR, syntax.is_little_endian)
        value = ds[_FAILED_LIST].value if _FAILED_LIST in ds else None
    except Exception:
        # Whatever the bytes are: the counts say what matters.
        return []
    uids = [value] if isinstance(value, str) else list(value or ())
    return [str(uid) for uid in uids if uid]


def final_status(said: Iterable[Answer], counts: Counts) -> Answer:
    """Return the status of a request from the final answers of all upstreams that it went to.

    Parameters
    ----------
    said : iterable of Answer
        One for each upstream, in their order.
    counts : Counts
    """
    answers = list(said)
    cancelled = [it for it in answers if it.status == CANCELLED]
    if cancelled:
        return cancelled[0]
    refused = [it for it in answers if it.status not in (SUCCESS, SOME_FAILED)]
    if refused and len(refused) == len(answers):
        return refused[0]
    warnings = [it for it in answers if it.status != SUCCESS]
    if not warnings and counts.failed and not (counts.completed or counts.warning):
        # No upstream knows it: each object was refused after it had been sent.
        return Answer(ALL_FAILED)
    if warnings or counts.failed or counts.warning:
        comment = next((it.comment for it in (*refused, *warnings) if it.comment), "")
        return Answer(SOME_FAILED, comment)
    return Answer(SUCCESS)


def _count(response: Mapping[int, bytes], element: int) -> int | None:
    if element not in response:
        return None
    try:
        return number(response, element)
    except CommandSetError:
        return None
