"""One element for each key over all documents: they vote, and every place is kept.

`atlas-scrape compare` calls `resolve`. A document has one vote on the VR of a key, which weighs as
much as the confidence of its best row; one that gives several VRs divides it among them. A VR is
taken when it leads by half a vote at least, and otherwise left open: two statements that
contradict each other are a question for a person, not for a tie-break.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from atlas_dictionary.creator import fold
from atlas_scraper.rows import Row
from atlas_scraper.text import compact

_LEAD = 0.5
_Key = tuple[bytes, int, int]


@dataclass(frozen=True, slots=True)
class Vote:
    """What documents give for one fact.

    Parameters
    ----------
    value : str
    weight : float
        Sum of the votes of these documents, each 1 at most.
    documents : tuple of str
    """

    value: str
    weight: float
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """One element, as all documents together have it.

    Parameters
    ----------
    group, offset : int
    creator : str or None
        As most rows spell it; None for an element whose creator no document names.
    vr, vm, name, description : str or None
        None where no document says it, or where they contradict each other.
    confidence : float
        That of the best row which gives the VR, times its share of the votes.
    reasons : tuple of str
        What makes it less than certain.
    votes : tuple of Vote
        On the VR, the heaviest first.
    rows : tuple of Row
        Every row that names the key, by document and page.
    """

    group: int
    offset: int
    creator: str | None
    vr: str | None
    vm: str | None
    name: str | None
    description: str | None
    confidence: float
    reasons: tuple[str, ...]
    votes: tuple[Vote, ...]
    rows: tuple[Row, ...]

    @property
    def documents(self) -> tuple[str, ...]:
        """The documents that name it."""
        return tuple(dict.fromkeys(row.source for row in self.rows))

    @property
    def contested(self) -> bool:
        """Whether documents contradict each other on the VR."""
        return len(self.votes) > 1

    def as_dict(self) -> dict[str, Any]:
        """Give the object of the line that ``atlas-dict import`` takes."""
        best = max(self.rows, key=lambda row: (row.vr == self.vr, row.confidence))
        return {
            "group": f"{self.group:04x}",
            "element": f"xx{self.offset:02x}",
            "creator": self.creator,
            "vr": self.vr,
            "vm": self.vm,
            "name": self.name,
            "description": self.description,
            "source": best.source,
            "page": best.page,
            "table": best.table,
            "confidence": self.confidence,
            "reasons": list(self.reasons),
            "votes": [
                {"vr": v.value, "weight": v.weight, "documents": list(v.documents)}
                for v in self.votes
            ],
            "sources": [
                {
                    "source": row.source,
                    "page": row.page,
                    "table": row.table,
                    "vr": row.vr,
                    "vm": row.vm,
                    "name": row.name,
                    "confidence": row.confidence,
                }
                for row in self.rows
            ],
        }


def resolve(rows: Iterable[Row]) -> list[Resolved]:
    """Give each element once, by creator, group and offset; those without a creator come last.

    Rejects, and rows that a person rejected, are no evidence. A row that a person accepted counts
    in full.
    """
    by_key: dict[_Key, list[Row]] = defaultdict(list)
    for row in rows:
        if row.group is not None and row.offset is not None and row.review != "rejected":
            creator = fold((row.creator or "").encode("utf-8", "surrogatepass"))
            by_key[creator, row.group, row.offset].append(row)
    keys = sorted(by_key, key=lambda key: (not key[0], key))
    return [_resolved(key, by_key[key]) for key in keys]


def _resolved(key: _Key, rows: list[Row]) -> Resolved:
    rows = sorted(rows, key=lambda row: (row.source, row.page))
    votes = _votes(rows, lambda row: row.vr)
    vr = _winner(votes)
    saying = [row for row in rows if vr is not None and row.vr == vr] or rows
    saying.sort(key=lambda row: -_confidence(row))
    best = saying[0]
    vms = _votes(saying, lambda row: row.vm)
    share = votes[0].weight / sum(vote.weight for vote in votes) if votes else 1.0
    reasons = (_open("VR", votes), _open("VM", vms), *best.reasons)
    return Resolved(
        group=key[1],
        offset=key[2],
        creator=Counter(row.creator or None for row in rows).most_common(1)[0][0],
        vr=vr,
        vm=_winner(vms),
        name=_name(saying),
        description=next((row.description for row in saying if row.description), None),
        confidence=round(_confidence(best) * share, 2),
        reasons=tuple(reason for reason in reasons if reason),
        votes=votes,
        rows=tuple(rows),
    )


def _votes(rows: Sequence[Row], fact: Callable[[Row], str | None]) -> tuple[Vote, ...]:
    """Let each document vote on one fact; a document that is silent has no vote."""
    given: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        value = fact(row)
        if value is not None:
            said = given[row.source]
            said[value] = max(said.get(value, 0.0), _confidence(row))
    weights: dict[str, float] = defaultdict(float)
    documents: dict[str, list[str]] = defaultdict(list)
    for document, said in given.items():
        total = sum(said.values()) or 1.0
        for value, confidence in said.items():
            weights[value] += max(said.values()) * confidence / total
            documents[value].append(document)
    # The sort is stable: among equals the first document's comes first.
    found = [Vote(v, round(w, 3), tuple(documents[v])) for v, w in weights.items()]
    return tuple(sorted(found, key=lambda vote: -vote.weight))


def _winner(votes: tuple[Vote, ...]) -> str | None:
    if not votes or (len(votes) > 1 and votes[0].weight - votes[1].weight < _LEAD):
        return None
    return votes[0].value


def _open(label: str, votes: tuple[Vote, ...]) -> str | None:
    if len(votes) < 2:
        return None
    said = "; ".join(f"{vote.value} ({', '.join(vote.documents)})" for vote in votes)
    return f"more than one {label} is given: {said}"


def _name(rows: Sequence[Row]) -> str | None:
    """Give the name for which most speaks, as the best row that has it spells it."""
    votes = _votes(rows, _compact_name)
    best = votes[0].value if votes else None
    return next((row.name for row in rows if best and _compact_name(row) == best), None)


def _compact_name(row: Row) -> str | None:
    return compact(row.name or "") or None


def _confidence(row: Row) -> float:
    return 1.0 if row.review == "accepted" else row.confidence
