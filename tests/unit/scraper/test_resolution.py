from atlas_scraper.resolution import resolve
from atlas_scraper.rows import Row


def row(source="one.pdf", vr="US", **changes):
    given = {"page": 7, "group": 0x19, "offset": 0x0A, "creator": "ACME", "vm": "1"}
    given |= {"name": "Gate count", "confidence": 0.98, "vr": vr}
    return Row(source=source, **(given | changes))


def test_documents_that_agree_confirm_each_other_and_all_places_are_kept():
    (element,) = resolve([row(page=7), row(page=9), row("two.pdf", page=3)])
    assert (element.vr, element.vm, element.confidence) == ("US", "1", 0.98)
    assert element.documents == ("one.pdf", "two.pdf")
    assert [(r.source, r.page) for r in element.rows] == [
        ("one.pdf", 7), ("one.pdf", 9), ("two.pdf", 3),
    ]  # fmt: skip
    (vote,) = element.votes
    assert (vote.value, vote.weight, vote.documents) == ("US", 1.96, ("one.pdf", "two.pdf"))


def test_a_document_has_one_vote_however_often_it_says_so():
    rows = [row("one.pdf", "US", page=p) for p in range(1, 20)]
    (element,) = resolve([*rows, row("two.pdf", "SS"), row("three.pdf", "SS")])
    assert element.vr == "SS"


def test_two_documents_that_contradict_each_other_leave_the_vr_open():
    (element,) = resolve([row("one.pdf", "US"), row("two.pdf", "SS", confidence=0.9)])
    assert element.vr is None
    assert element.contested
    assert element.reasons[0] == "more than one VR is given: US (one.pdf); SS (two.pdf)"
    assert element.confidence < 0.6


def test_a_doubtful_row_does_not_stand_against_a_sure_one():
    (element,) = resolve([row("one.pdf", "US"), row("two.pdf", "SS", confidence=0.2)])
    assert (element.vr, element.confidence) == ("US", 0.81)
    assert len(element.rows) == 2


def test_a_document_that_contradicts_itself_divides_its_vote():
    (element,) = resolve([row(vr="US"), row(vr="SS", page=8)])
    assert element.vr is None
    (element,) = resolve([row(vr="US"), row(vr="SS", page=8), row("two.pdf", "SS")])
    assert element.vr == "SS"


def test_what_a_person_accepted_outweighs_a_doubt_and_what_was_rejected_is_no_evidence():
    accepted = row("two.pdf", "SS", confidence=0.3, review="accepted")
    (element,) = resolve([row("one.pdf", "US", review="rejected"), accepted])
    assert (element.vr, element.confidence) == ("SS", 1.0)


def test_a_document_without_a_vr_has_no_vote():
    (element,) = resolve([row(vr=None, name="Gates", confidence=0.99), row("two.pdf", "SS")])
    assert (element.vr, element.name, element.confidence) == ("SS", "Gate count", 0.98)
    (element,) = resolve([row(vr=None)])
    assert (element.vr, element.votes, element.confidence) == (None, (), 0.98)


def test_vm_and_name_come_from_those_that_give_the_vr():
    rows = [
        row("one.pdf", "US", vm="2", name="Gate-Count"),
        row("two.pdf", "US", vm="2", name="gate count"),
        row("three.pdf", "SS", vm="1", name="Other"),
        row("four.pdf", "US", vm=None, name="Else", description="of the cycle"),
    ]
    (element,) = resolve(rows)
    assert (element.vm, element.name) == ("2", "Gate-Count")
    assert element.description == "of the cycle"


def test_creators_are_one_however_they_are_spaced():
    (element,) = resolve([row(creator="ACME  1"), row("two.pdf", creator="Acme 1"),
                          row("three.pdf", creator="ACME  1")])  # fmt: skip
    assert element.creator == "ACME  1"


def test_elements_without_a_creator_stay_apart_and_come_last():
    first, last = resolve([row(creator=None, group=0x09), row()])
    assert (first.creator, last.creator) == ("ACME", None)


def test_rejects_are_no_elements():
    assert resolve([Row("one.pdf", 1, text="(0019,xx01) and (0019,xx02)")]) == []


def test_the_line_names_every_place():
    (element,) = resolve([row(), row("two.pdf", page=3, confidence=0.99, table=2)])
    line = element.as_dict()
    assert (line["group"], line["element"], line["vr"]) == ("0019", "xx0a", "US")
    assert (line["source"], line["page"], line["table"]) == ("two.pdf", 3, 2)
    assert [place["source"] for place in line["sources"]] == ["one.pdf", "two.pdf"]
    assert line["votes"] == [
        {"vr": "US", "weight": 1.97, "documents": ["one.pdf", "two.pdf"]}
    ]  # fmt: skip
