"""Several candidates: the bytes decide, then the evidence; where neither is clear, nothing is."""

import pytest

from atlas_dictionary import Candidate, Condition, Entry, Flags, Source
from atlas_dictionary.keys import private_key
from atlas_node.annotate.choice import choose
from atlas_node.annotate.definition import Choice, Equipment, define
from atlas_node.annotate.verify import misfit

NOWHERE = Equipment("", "", "")


def entry(*candidates: tuple[str, int] | tuple[str, int, Condition]) -> Entry:
    made = tuple(Candidate(*candidate) for candidate in candidates)
    return Entry(
        key=private_key("ATLAS TEST", 0x0019, 0x01),
        vr=made[0].vr if made else "UN",
        vm="1",
        keyword="",
        name="",
        description="",
        candidates=made,
        sources=(Source("test"),),
        confidence=0.9,
        flags=Flags(0),
    )


def chosen(of: Entry, value: bytes, equipment: Equipment = NOWHERE) -> Choice:
    definition = define(of)
    return choose(
        definition, "", lambda: equipment,
        lambda vr: misfit(vr, memoryview(value), definition.vm, ("ascii",)),
    )  # fmt: skip


def test_the_bytes_decide_first() -> None:
    of = entry(("US", 9), ("FD", 1))
    assert chosen(of, bytes(8)).vr == "FD"
    assert chosen(of, bytes(2)).vr == "US"


def test_then_the_weight_of_the_evidence() -> None:
    assert chosen(entry(("US", 1), ("SS", 3)), bytes(2)).vr == "SS"


def test_what_weighs_the_same_is_ambiguous() -> None:
    choice = chosen(entry(("US", 2), ("SS", 2)), bytes(2))
    assert (choice.vr, choice.status) == ("UN", "ambiguous")
    assert "SS" in choice.reason
    assert "US" in choice.reason


def test_where_none_fits_every_reason_is_given() -> None:
    choice = chosen(entry(("US", 2), ("FD", 1)), bytes(4))
    assert choice.status == "refused"
    assert "not US: " in choice.reason
    assert "not FD: " in choice.reason


def test_evidence_for_this_equipment_counts_only_there() -> None:
    new = Condition(manufacturer="ACME*", software="5.*")
    of = entry(("US", 2), ("SS", 2), ("SS", 7, new))
    assert chosen(of, bytes(2)).status == "ambiguous"
    assert chosen(of, bytes(2), Equipment("Acme Medical", "X", "5.7.1")).vr == "SS"
    assert chosen(of, bytes(2), Equipment("Acme Medical", "X", "4.0")).status == "ambiguous"


def test_evidence_for_other_equipment_alone_gives_no_vr() -> None:
    of = entry(("SS", 7, Condition(manufacturer="ACME*")))
    assert chosen(of, bytes(2)).status == "unknown"


@pytest.mark.parametrize(
    "of",
    [
        entry(("US", 1)),
        entry(("US", 3), ("SS", 2), ("LO", 1)),
        entry(("US", 2), ("SS", 2)),
        entry(("US", 2), ("SS", 1, Condition(manufacturer="*"))),
        entry(),
    ],
)
def test_what_is_sure_at_a_glance_is_what_would_be_chosen(of: Entry) -> None:
    definition = define(of)
    if definition.glance is not None:
        assert definition.glance.headers[2] is not None
        assert chosen(of, bytes(2)) == definition.decoded
    else:
        assert chosen(of, bytes(2)).status != "decoded" or definition.conditional
