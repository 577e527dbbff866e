"""Orders of a person to the spool: try deliveries again, or give them up.

`atlas-node queue retry` and `drop` and the viewer call `give_order`. While the node runs, the order
is a file in ``orders/`` that the forwarder of the partition carries out and answers by another; a
file gets its name when it is complete, and an order keeps it until it is answered, so that nothing
is lost when either side is killed. While the node is stopped, the order is carried out here. The
rule: orders for one partition are carried out in the order in which they were given.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from atlas_node.config import SpoolSettings
from atlas_node.errors import SpoolError
from atlas_node.spool.doorbell import Doorbell
from atlas_node.spool.entry import Entry, Recipient
from atlas_node.spool.lock import FolderLock, unusable
from atlas_node.spool.occupancy import Occupancy
from atlas_node.spool.partition import JOURNAL_SUFFIX, is_identifier, partitions
from atlas_node.spool.reserve import keep_reserve, write_with_reserve
from atlas_node.spool.spool import Spool

ORDERS_FOLDER: Final = "orders"
DROPPED_BY_ORDER: Final = "dropped by order"

_ORDER: Final = ".order"
_ANSWER: Final = ".answer"
_LOOK_EVERY: Final = 0.05
_AFTER_ERROR: Final = 10.0
_FORGOTTEN_AFTER: Final = 3600.0
_RESERVE_EVERY: Final = 2.0

Target = tuple[str, str]
"""Identifier of an object and name of a destination: one delivery."""

FindRecipients = Callable[[Entry, memoryview], Sequence[Recipient]]
"""Says where an object goes by the routes now in force."""

_logger = logging.getLogger(__name__)


class Action(StrEnum):
    """What is to be done with a delivery."""

    RETRY = "retry"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A delivery for which an order was not carried out."""

    object_id: str
    destination: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order.

    Attributes
    ----------
    done : int
        Deliveries for which it was carried out.
    refused : tuple of Refusal
    unanswered : int
        Deliveries for which the node has not answered yet; the order stands.
    """

    done: int
    refused: tuple[Refusal, ...] = ()
    unanswered: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.done + other.done,
            self.refused + other.refused,
            self.unanswered + other.unanswered,
        )


def give_order(
    settings: SpoolSettings,
    action: Action,
    targets: Iterable[Target],
    find_recipients: FindRecipients,
    timeout: float = 30.0,
) -> Outcome:
    """Have an order carried out, whether the node runs or not.

    Parameters
    ----------
    settings : SpoolSettings
    action : Action
    targets : iterable of Target
    find_recipients : callable
        For objects that no route matched when they came.
    timeout : float
        Seconds to wait for the answer of a running node.

    Raises
    ------
    SpoolError
        When the spool cannot be used.
    """
    parts, outcome = _by_partition(settings.path, targets)
    give_up = time.monotonic() + timeout
    while parts:
        try:
            lock = FolderLock(settings.path)
        except SpoolError:
            answered, parts = _ask(settings.path, action, parts, give_up)
            outcome += answered
            continue
        try:
            for partition, wanted in parts.items():
                outcome += _carry_out_here(settings, partition, action, wanted, find_recipients)
            break
        finally:
            lock.close()
    return outcome


class OrderDesk:
    """Carries out the orders for one partition; the thread that listens asks it now and then.

    Parameters
    ----------
    spool : Spool
    folder : Path
        Of the whole spool.
    partition : int
    find_recipients : callable
    """

    def __init__(
        self, spool: Spool, folder: Path, partition: int, find_recipients: FindRecipients
    ) -> None:
        self._spool = spool
        self._folder = folder / ORDERS_FOLDER
        self._mine = f"{partition}-"
        self._find_recipients = find_recipients
        self._not_before = 0.0
        # One desk of the node sets the reserve aside again that an order has used.
        self._reserve_at = 0.0 if partition == 0 else float("inf")

    def look(self) -> None:
        """Carry out and answer what has been ordered; an order that is no order is removed."""
        now = time.monotonic()
        if now >= self._reserve_at:
            self._reserve_at = now + _RESERVE_EVERY
            keep_reserve(self._folder.parent)
        if now < self._not_before:
            return
        try:
            found = sorted(it for it in self._folder.iterdir() if it.name.startswith(self._mine))
        except FileNotFoundError:
            return
        except OSError as error:
            _logger.error("orders wait: cannot read %s: %s", self._folder, error.strerror)
            self._not_before = now + _AFTER_ERROR
            return
        for path in found:
            try:
                if path.suffix == _ORDER:
                    self._answer(path)
                elif path.stat().st_mtime < time.time() - _FORGOTTEN_AFTER:
                    path.unlink()
            except OSError as error:
                _logger.error("the order %s waits: %s", path.name, error)
                self._not_before = time.monotonic() + _AFTER_ERROR

    def _answer(self, path: Path) -> None:
        written = path.read_bytes()
        try:
            order = json.loads(written)
            action = Action(order["action"])
            targets = [(str(object_id), str(name)) for object_id, name in order["targets"]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            _logger.error("%s is no order and is removed: %s", path.name, error)
            path.unlink()
            return
        outcome = carry_out(self._spool, action, targets, self._find_recipients)
        refused = [[it.object_id, it.destination, it.reason] for it in outcome.refused]
        _write(path.with_suffix(_ANSWER), {"done": outcome.done, "refused": refused})
        path.unlink()
        _logger.info("%s by order: %d deliveries, refused %d", action, outcome.done, len(refused))


def carry_out(
    spool: Spool, action: Action, targets: Iterable[Target], find_recipients: FindRecipients
) -> Outcome:
    """Carry out an order in the process that has the partition, as far as it can be.

    Whatever goes wrong with a delivery is the answer for it: an order that is not answered is
    carried out again, by each process that takes the place of this one.
    """
    done, refused = 0, []
    for object_id, destination in targets:
        try:
            if action is Action.DROP:
                reason = spool.drop(object_id, destination, DROPPED_BY_ORDER)
            else:
                reason = _retry(spool, object_id, destination, find_recipients)
        except SpoolError as error:
            reason = str(error)
        except Exception as error:
            _logger.exception("the order to %s %s to %a failed", action, object_id, destination)
            reason = f"internal error: {type(error).__name__}"
        if reason:
            refused.append(Refusal(object_id, destination, reason))
        else:
            done += 1
    return Outcome(done, tuple(refused))


def hand_over_orders(spool: Path, partition: int, heir: int) -> None:
    """Leave the orders that wait for a partition to the one that takes its objects over.

    Raises
    ------
    OSError
        When they cannot be given its name.
    """
    for path in (spool / ORDERS_FOLDER).glob(f"{partition}-*{_ORDER}"):
        # The orders of one command have its token in common: none may take the name of another.
        path.rename(path.with_name(f"{heir}-{path.stem.partition('-')[2]}-{partition}{_ORDER}"))


def _retry(spool: Spool, object_id: str, destination: str, find_recipients: FindRecipients) -> str:
    entry = spool.entry(object_id)
    recipients = entry.recipients if entry else ()
    if entry is None or not any(it.destination == destination and it.refusal for it in recipients):
        return spool.retry(object_id, destination)
    found = [it for it in find_recipients(entry, spool.read(entry)) if not it.refusal]
    if not found:
        return "no route matches the object"
    spool.add_recipients(object_id, found)
    names = ", ".join(it.destination for it in found)
    return spool.drop(object_id, destination, f"routed again: {names}")


def _by_partition(
    spool: Path, targets: Iterable[Target]
) -> tuple[dict[int, list[Target]], Outcome]:
    """Find the partition of each object."""
    folders = partitions(spool)
    parts: dict[int, list[Target]] = {}
    outcome = Outcome(0)
    for object_id, destination in targets:
        for number, folder in folders.items():
            if is_identifier(object_id) and (folder / (object_id + JOURNAL_SUFFIX)).exists():
                parts.setdefault(number, []).append((object_id, destination))
                break
        else:
            outcome += Outcome(0, (Refusal(object_id, destination, "it is not in the spool"),))
    return parts, outcome


def _carry_out_here(
    settings: SpoolSettings,
    partition: int,
    action: Action,
    targets: Sequence[Target],
    find_recipients: FindRecipients,
) -> Outcome:
    occupancy, doorbell = Occupancy(partition + 1), Doorbell()
    try:
        spool = Spool(settings, partition, occupancy, doorbell)
        try:
            # What was ordered before this and not answered yet must not come after it.
            OrderDesk(spool, settings.path, partition, find_recipients).look()
            return carry_out(spool, action, targets, find_recipients)
        finally:
            spool.close()
    finally:
        doorbell.close()
        occupancy.close()


def _ask(
    spool: Path, action: Action, parts: dict[int, list[Target]], give_up: float
) -> tuple[Outcome, dict[int, list[Target]]]:
    """Write an order for each partition and wait for the answers.

    Returns
    -------
    outcome : Outcome
        What was answered, and how many were not in time.
    left : dict of int to list
        What no node was there for, so that its orders were taken back: the node has ended, or it
        was another command that held the spool.
    """
    folder = spool / ORDERS_FOLDER
    token = f"{time.time_ns():016x}{secrets.token_hex(4)}"
    orders = {number: folder / f"{number}-{token}{_ORDER}" for number in parts}
    outcome, left = Outcome(0), dict(parts)
    try:
        write_with_reserve(spool, lambda: folder.mkdir(mode=0o700, exist_ok=True))
        for partition, path in orders.items():
            _write(path, {"action": action, "targets": parts[partition]})
        taken_back = False
        while left and not taken_back and time.monotonic() < give_up:
            time.sleep(_LOOK_EVERY)
            taken_back = _take_back(spool, [orders[it] for it in left])
            for partition in list(left):
                answer = orders[partition].with_suffix(_ANSWER)
                if answer.exists():
                    outcome += _read_answer(answer)
                    answer.unlink()
                    del left[partition]
    except OSError as error:
        raise SpoolError(unusable(folder, error)) from error
    if taken_back:
        return outcome, left
    return outcome + Outcome(0, (), sum(map(len, left.values()))), {}


def _take_back(spool: Path, orders: Iterable[Path]) -> bool:
    """Remove orders that no node is there to carry out; return whether that is so."""
    try:
        lock = FolderLock(spool)
    except SpoolError:
        return False
    try:
        for order in orders:
            order.unlink(missing_ok=True)
    finally:
        lock.close()
    return True


def _read_answer(path: Path) -> Outcome:
    said = json.loads(path.read_bytes())
    return Outcome(int(said["done"]), tuple(Refusal(*map(str, it)) for it in said["refused"]))


def _write(path: Path, value: object) -> None:
    """Write a file that has its name only when it is complete, if need be into the reserve."""
    content = json.dumps(value).encode("ascii")
    write_with_reserve(path.parent.parent, lambda: _write_at_once(path, content))


def _write_at_once(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(content)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
