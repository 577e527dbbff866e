"""The rows of a review and what a person decided on each; every decision is on disk at once.

`app` reads and decides through this, from several threads. The file holds the decided rows alone,
in the order in which they were found, so that `atlas-dict import` takes it as it is, and a review
that was left goes on from it.
"""

import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atlas_dictionary import Dictionary, DictionaryError
from atlas_dictionary.creator import trim
from atlas_dictionary.statements import parse_vm, parse_vr
from atlas_scraper.comparison import Comparison, Standing, compare
from atlas_scraper.emit import json_line
from atlas_scraper.rows import FACTS, Row, RowsError, element_numbers, read_rows

SURE = 0.9
"""A row of less confidence is doubtful, and so is one that the dictionary contradicts."""
_LONGEST_CREATOR = 64  # characters of an LO, PS3.5 6.2
_LONGEST_TEXT = 1024
_DECISIONS = ("accepted", "rejected", None)


class ReviewError(Exception):
    """A decision that cannot be taken: the message says to the reviewer why."""


class SaveError(Exception):
    """The file of decisions cannot be written."""


@dataclass(slots=True)
class Item:
    """One row under review.

    Parameters
    ----------
    number : int
        Its place among all rows.
    read : Row
        As it was found.
    row : Row
        With what a person changed, and `review`.
    """

    number: int
    read: Row
    row: Row
    comparison: Comparison
    line: str = ""

    @property
    def doubtful(self) -> bool:
        """Whether a person should look twice."""
        disagreeing = self.comparison.standing is Standing.DISAGREEING
        return self.row.confidence < SURE or disagreeing

    def as_dict(self) -> dict[str, Any]:
        """Give the object for the page."""
        return self.row.as_dict() | {
            "id": self.number,
            "tag": self.row.tag,
            "text": self.row.text,
            "review": self.row.review,
            "edited": self.row.facts != self.read.facts,
            "doubtful": self.doubtful,
            **self.comparison.as_dict(),
        }


class Decisions:
    """All rows of a review.

    Parameters
    ----------
    rows : iterable of Row
        Elements and rejects.
    output : Path
        The file for what is decided; what it has from an earlier review is taken over.
    dictionary : Dictionary
        What the rows are compared with.

    Raises
    ------
    RowsError
        `output` is there and cannot be read.
    """

    def __init__(self, rows: Iterable[Row], output: Path, dictionary: Dictionary) -> None:
        self._output = output
        self._dictionary = dictionary
        self._lock = threading.Lock()
        found = sorted(rows, key=lambda row: (row.source, row.page, (row.box or (0, 0))[1]))
        self._documents = frozenset(row.source for row in found)
        self.items = [Item(n, row, row, self._compared(row)) for n, row in enumerate(found)]
        self._of: dict[str, list[Item]] = {}
        for item in self.items:
            self._of.setdefault(item.row.source, []).append(item)
        self._others: list[str] = []
        self._take_over()
        self._seen = self._stamp()

    def documents(self) -> list[str]:
        """Give the names of the documents that have rows, sorted."""
        return list(self._of)

    def of(self, document: str) -> list[Item]:
        """Give the rows of a document, by page and place."""
        return self._of[document]

    def creators(self, item: Item) -> list[str]:
        """Give creators that may be meant: those of the document, those that have the element."""
        here = {other.row.creator for other in self.of(item.row.source)}
        group, offset = item.row.group, item.row.offset
        known: set[str | None] = set()
        if group is not None and offset is not None:
            known = {
                entry.creator
                for entry in self._dictionary.search(group=group)
                if entry.element == offset and entry.vr in (item.row.vr or entry.vr).split(" or ")
            }
        return sorted(name for name in here | known if name)

    def decide(
        self, numbers: Sequence[int], facts: Mapping[str, str], decision: str | None, *, keep: bool
    ) -> list[Item]:
        """Decide on rows, and save; give those that changed.

        Parameters
        ----------
        numbers : sequence of int
            The rows.
        facts : mapping
            Facts to put in the place of those that were read; an empty text is none.
        decision : str or None
            ``accepted``, ``rejected``, or None to open the row again, as it was read.
        keep : bool
            Leave the decision as it is, and only change facts.

        Raises
        ------
        ReviewError
            A fact cannot be, or an accepted row would lack its tag or its creator.
        SaveError
            The file cannot be written; nothing is decided.
        """
        if decision not in _DECISIONS:
            raise ReviewError("decided is accepted, rejected or nothing")
        with self._lock:
            if not numbers or not all(0 <= number < len(self.items) for number in numbers):
                raise ReviewError("there is no such row")
            changed = []
            for item in [self.items[number] for number in dict.fromkeys(numbers)]:
                if decision is None and not keep:
                    row = replace(item.read, review=None)
                else:
                    row = _with_facts(item, facts) if facts else item.row
                    row = replace(row, review=row.review if keep else decision)
                _require_importable(row)
                changed.append((item, row))
            before = [(item, item.row) for item, _ in changed]
            for item, row in changed:
                self._put(item, row)
            try:
                self._save()
            except SaveError:
                for item, row in before:
                    self._put(item, row)
                raise
            return [item for item, _ in changed]

    def _put(self, item: Item, row: Row) -> None:
        item.row = row
        item.comparison = self._compared(row)
        item.line = json_line(row.as_dict()) + "\n" if row.review else ""

    def _compared(self, row: Row) -> Comparison:
        if row.group is None or row.offset is None:
            return Comparison(Standing.UNOWNED)
        key = (row.creator or None, row.group, row.offset)
        return compare(self._dictionary, key, row.vr, row.vm, self._documents)

    def _take_over(self) -> None:
        """Take the decisions that the file has; rows that are not under review stay in it."""
        if not self._output.exists():
            return
        places = {_identity(item.read): item for item in self.items}
        for row in read_rows(self._output):
            if row.review is None:
                raise RowsError(
                    f"{self._output}: has a row without a decision: not the file of a review"
                )
            item = places.get(_identity(row))
            if item is None:
                self._others.append(json_line(row.as_dict()) + "\n")
            else:
                self._put(item, row)

    def _save(self) -> None:
        if self._stamp() != self._seen:
            raise SaveError(
                f"{self._output} was changed by another program: end this review and start it anew"
            )
        fresh = self._output.with_name(f"{self._output.name}.new")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                file.writelines(self._others)
                file.writelines(item.line for item in self.items if item.line)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._output)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise SaveError(f"{self._output}: cannot be written: {error.strerror}") from None
        self._seen = self._stamp()

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = self._output.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _identity(row: Row) -> tuple[object, ...]:
    """Give what tells a row from all others, whatever a person changed of it."""
    facts = row.found or row.facts
    place = (row.source, row.page, row.table, row.box)
    return *place, row.text, facts["group"], facts["element"]


def _with_facts(item: Item, facts: Mapping[str, str]) -> Row:
    """Give the row with other facts, each checked as the dictionary's importer would."""
    unknown = sorted(facts.keys() - set(FACTS))
    if unknown:
        raise ReviewError(f"a row has no {', '.join(unknown)}")
    texts = item.row.facts | {name: " ".join(text.split()) or None for name, text in facts.items()}
    try:
        group, offset = element_numbers(texts["group"] or "", texts["element"] or "")
        vrs, vm = parse_vr(texts["vr"] or ""), parse_vm(texts["vm"] or "")
    except DictionaryError as error:
        raise ReviewError(str(error)) from None
    if len(vrs) > 1:
        raise ReviewError("give one VR, or none where the document leaves it open")
    creator = trim(texts["creator"] or "")
    if len(creator) > _LONGEST_CREATOR or re.search(r"[\\\x00-\x1f\x7f]", creator):
        raise ReviewError("a private creator has 64 characters at most, and no backslash (LO)")
    for name in ("name", "description"):
        if len(texts[name] or "") > _LONGEST_TEXT:
            raise ReviewError(f"the {name} has more than {_LONGEST_TEXT} characters")
    row = replace(
        item.row,
        group=group,
        offset=offset,
        creator=creator or None,
        vr=vrs[0] if vrs else None,
        vm=vm or None,
        name=texts["name"],
        description=texts["description"],
    )
    return replace(row, found=None if row.facts == item.read.facts else item.read.facts)


def _require_importable(row: Row) -> None:
    if row.review != "accepted":
        return
    if row.group is None:
        raise ReviewError("this text has no tag yet: edit it first (e)")
    if not row.creator:
        raise ReviewError("without a private creator the dictionary cannot take it: edit it (e)")
