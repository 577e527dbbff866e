"""What the index adds to a query: the upstream's request, and its responses."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from atlas_node.query import (
    AttributeIndex,
    Indexed,
    IndexedKey,
    IndexedQuery,
    Level,
    NothingIndexedError,
    PrivateKey,
    QueryKeyError,
)
from tests.unit.dimse.relay.queries import decoded, encoded

MR_HEADER = "SIEMENS MR HEADER"
B_VALUE = IndexedKey(MR_HEADER, "(0019,xx0c)", Level.IMAGE)


@pytest.fixture
def index(tmp_path):
    index = AttributeIndex(f"sqlite:///{tmp_path / 'log.db'}")
    index.record(
        Indexed((study, f"{study}.1", f"{study}.1.{number}"), {B_VALUE: ("IS", [b_value])})
        for study, number, b_value in (("1.1", 1, 0), ("1.1", 2, 1000), ("1.2", 1, 0))
    )
    yield index
    index.close()


def identifier(**keys):
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    ds.PatientID = ""
    ds.add_new(0x00190010, "LO", MR_HEADER)
    ds.add_new(0x0019100C, "IS", None)
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


def b_value(*values):
    return PrivateKey(0x0019100C, MR_HEADER, "(0019,xx0c)", "IS", values)


def query(index, *keys, level=Level.STUDY, configured=(B_VALUE,)):
    return IndexedQuery(index, configured, keys, level)


def response(study):
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    ds.StudyInstanceUID = study
    ds.PatientID = "P"
    return ds


def test_the_upstream_is_asked_without_the_key_and_for_what_matches(index):
    asked = query(index, b_value("1000")).request(identifier())
    assert [int(tag) for tag in sorted(asked.keys())] == [0x00080052, 0x00100020, 0x0020000D]
    assert asked.StudyInstanceUID == "1.1"


@pytest.mark.parametrize(("count", "is_narrowed"), [(200, True), (201, False), (1001, False)])
def test_of_more_studies_than_a_list_takes_each_response_is_looked_at(
    index, count, is_narrowed, monkeypatch
):
    index.record(
        Indexed((f"1.5.{number}", f"1.5.{number}.1", f"1.5.{number}.1.1"), {B_VALUE: ("IS", [7])})
        for number in range(count)
    )
    asking = query(index, b_value("7"))
    asked = asking.request(identifier())
    assert bool(asked.StudyInstanceUID) is is_narrowed
    looked_up = []
    values = index.values
    monkeypatch.setattr(index, "values", lambda *its: looked_up.append(1) or values(*its))
    assert asking.answer(response("1.1")) is None
    answered, is_whole = asking.answer(response(f"1.5.{count - 1}"))
    assert (answered[0x0019100C].value, is_whole) == (7, True)
    assert bool(looked_up) is (count > 1000)


def test_a_uid_that_the_caller_asks_for_stays(index):
    asked = query(index, b_value("0")).request(identifier(StudyInstanceUID="1.7"))
    assert asked.StudyInstanceUID == "1.7"


def test_several_studies_are_asked_for_as_a_list(index):
    asked = query(index, b_value("-2000")).request(identifier())
    assert asked is None
    asked = query(index, b_value("0-2000")).request(identifier())
    assert asked.StudyInstanceUID == ["1.1", "1.2"]


def test_where_nothing_matches_nobody_is_asked(index):
    assert query(index, b_value("3000")).request(identifier()) is None


def test_where_nothing_is_indexed_that_is_said(index):
    other = IndexedKey(MR_HEADER, "(0019,xx0a)", Level.IMAGE)
    key = PrivateKey(0x0019100A, MR_HEADER, "(0019,xx0a)", "US", (36,))
    ds = identifier()
    ds.add_new(0x0019100A, "US", 36)
    with pytest.raises(NothingIndexedError, match=r"nothing is indexed for \(0019,xx0a\)"):
        query(index, key, configured=(B_VALUE, other)).request(ds)


def test_a_key_that_wants_its_value_back_narrows_nothing(index):
    asked = query(index, b_value()).request(identifier())
    assert asked.StudyInstanceUID == ""


def test_other_private_keys_keep_their_creator(index):
    ds = identifier()
    ds.add_new(0x0019100D, "CS", "")
    asked = query(index, b_value("1000")).request(ds)
    assert asked[0x00190010].value == MR_HEADER
    assert 0x0019100C not in asked
    assert 0x0019100D in asked


def test_a_response_is_completed_with_what_the_index_knows(index):
    answered, is_whole = query(index, b_value()).answer(response("1.1"))
    assert is_whole
    assert answered[0x00190010].value == MR_HEADER
    assert answered[0x0019100C].VR == "IS"
    assert list(answered[0x0019100C].value) == [0, 1000]
    assert answered.PatientID == "P"


def test_a_response_that_does_not_match_is_held_back(index):
    asked = query(index, b_value("1000"))
    assert asked.answer(response("1.1")) is not None
    assert asked.answer(response("1.2")) is None
    assert asked.answer(response("1.9")) is None


def test_an_entity_that_the_index_does_not_know_comes_back_with_an_empty_key(index):
    answered, _ = query(index, b_value()).answer(response("1.9"))
    assert answered[0x0019100C].VR == "IS"
    assert answered[0x0019100C].value in (None, "")


def test_a_block_of_another_creator_is_left_alone(index):
    given = response("1.1")
    given.add_new(0x00190010, "LO", "GEMS_ACQU_01")
    given.add_new(0x0019100C, "SH", "theirs")
    answered, is_whole = query(index, b_value()).answer(given)
    assert is_whole
    assert answered[0x00190010].value == "GEMS_ACQU_01"
    assert answered[0x0019100C].value == "theirs"
    assert answered[0x00190011].value == MR_HEADER
    assert list(answered[0x0019110C].value) == [0, 1000]


def test_a_value_joins_the_block_that_its_creator_has_in_the_response(index):
    given = response("1.1")
    given.add_new(0x00190020, "LO", MR_HEADER)
    given.add_new(0x00192001, "LO", "of the archive")
    answered, _ = query(index, b_value("1000")).answer(given)
    block = answered.private_block(0x0019, MR_HEADER)
    assert block[0x01].value == "of the archive"
    assert block[0x0C].value == [0, 1000]
    assert 0x00190010 not in answered


def test_a_creator_that_stands_elsewhere_keeps_its_block(index):
    given = response("1.1")
    given.add_new(0x00190010, "LO", "GEMS_ACQU_01")
    given.add_new(0x00190042, "LO", MR_HEADER)
    answered, _ = query(index, b_value()).answer(given)
    assert list(answered[0x0019420C].value) == [0, 1000]
    assert 0x00190011 not in answered


SUITE = IndexedKey("GEMS_IDEN_01", "(0009,xx02)", Level.IMAGE)


@pytest.mark.parametrize(
    ("character_set", "value"), [("ISO_IR 100", b"K\xf6ln"), ("ISO_IR 192", b"K\xc3\xb6ln ")]
)
@pytest.mark.parametrize("is_plain", [True, False])
def test_text_is_in_the_character_set_of_the_response(index, character_set, value, is_plain):
    element, is_whole = _suite(index, character_set, is_plain=is_plain)
    assert element.value == value
    assert is_whole


@pytest.mark.parametrize("is_plain", [True, False])
def test_text_that_the_character_set_does_not_have_is_left_out(index, is_plain):
    assert _suite(index, None, is_plain=is_plain) == (None, False)


def _suite(index, character_set, *, is_plain):
    """Return the raw suite id in the response of a study, and whether that is all."""
    index.record([Indexed(("1.1", "1.1.1", "1.1.1.1"), {SUITE: ("SH", ["Köln"])})])
    key = PrivateKey(0x00091002, "GEMS_IDEN_01", "(0009,xx02)", "SH", ())
    asked = query(index, key, configured=(SUITE,))
    given = response("1.1")
    if character_set:
        given.SpecificCharacterSet = character_set
    if is_plain:
        plain, is_whole = asked.answer_plain(encoded(given))
        answered = decoded(plain)
    else:
        completed, is_whole = asked.answer(given)
        answered = decoded(encoded(completed))
    return answered.get_item(0x00091002), is_whole


@pytest.mark.parametrize(
    ("asked", "returned"), [(("10000007.125",), "10000007.125"), ((), None), (("0-",), None)]
)
@pytest.mark.parametrize("is_plain", [True, False])
def test_more_values_than_an_element_holds_do_not_lose_the_study(index, asked, returned, is_plain):
    values = {B_VALUE: ("DS", [f"{10_000_000 + number}.125" for number in range(5_100)])}
    index.record([Indexed(("1.3", "1.3.1", "1.3.1.1"), values)])
    key = PrivateKey(0x0019100C, MR_HEADER, "(0019,xx0c)", "DS", asked)
    if is_plain:
        plain, is_whole = query(index, key).answer_plain(encoded(response("1.3")))
        answered = decoded(plain)
    else:
        answered, is_whole = query(index, key).answer(response("1.3"))
    assert not is_whole
    assert answered[0x0019100C].value == returned


@pytest.mark.parametrize(
    ("asked", "vr", "value"),
    [(("t*",), "LT", "two\\\r\nthree"), (("one",), "LT", "one"), (("A",), "LO", ["A", "B"])],
)
@pytest.mark.parametrize("is_plain", [True, False])
def test_values_that_one_element_cannot_have_are_not_joined(index, asked, vr, value, is_plain):
    index.record(
        Indexed(("1.3", "1.3.1", f"1.3.1.{number}"), {SUITE: (vr_of_it, its)})
        for number, (vr_of_it, its) in enumerate(
            [("LT", ["one"]), ("LT", ["two\\\r\nthree"]), ("LO", ["A", "B"])]
        )
    )
    asking = query(
        index, PrivateKey(0x00091002, "GEMS_IDEN_01", "(0009,xx02)", "LO", asked),
        configured=(SUITE,),
    )  # fmt: skip
    if is_plain:
        plain, is_whole = asking.answer_plain(encoded(response("1.3")))
        answered = decoded(plain)
    else:
        answered, is_whole = asking.answer(response("1.3"))
    assert not is_whole
    assert (answered[0x00091002].VR, answered[0x00091002].value) == (vr, value)


@pytest.mark.parametrize("asked", [("high",), ("*ig*",), ()])
@pytest.mark.parametrize("is_plain", [True, False])
def test_an_object_whose_value_is_too_long_comes_back_with_a_warning(index, asked, is_plain):
    index.record([Indexed(("1.3", "1.3.1", "1.3.1.1"), {SUITE: ("LT", ["high" * 1000])})])
    key = PrivateKey(0x00091002, "GEMS_IDEN_01", "(0009,xx02)", "LT", asked)
    asking = query(index, key, configured=(SUITE,))
    ds = identifier()
    ds.add_new(0x00091002, "LT", "")
    narrowed = asking.request(ds)
    assert narrowed.StudyInstanceUID == ("1.3" if asked else "")
    if is_plain:
        plain, is_whole = asking.answer_plain(encoded(response("1.3")))
        answered = decoded(plain)
    else:
        answered, is_whole = asking.answer(response("1.3"))
    assert not is_whole
    assert answered[0x00091002].VR == "LT"
    assert not answered[0x00091002].value
    assert (asking.answer(response("1.1")) is None) is bool(asked)


@pytest.mark.parametrize("vr", ["AT", "OB", "UN"])
def test_a_key_that_cannot_be_matched_is_said_and_has_no_value(index, vr):
    key = PrivateKey(0x0019100C, MR_HEADER, "(0019,xx0c)", vr, (), understood=False)
    answered, is_whole = query(index, key).answer(response("1.9"))
    assert not is_whole
    assert 0x0019100C not in answered


def test_keys_that_are_not_indexed_are_not_ours(index):
    assert not query(index, b_value("1000"), configured=())
    assert not query(index, b_value("1000"), level=None)


def test_a_value_that_the_vr_does_not_allow_is_refused(index):
    with pytest.raises(QueryKeyError, match="VR IS"):
        query(index, b_value("high"))


@given(
    study=st.sampled_from(["1.1", "1.2", "1.3", ""]),
    key=st.sampled_from([(), ("0",), ("1000",), ("500-",)]),
    more=st.dictionaries(
        st.sampled_from(["PatientName", "StudyDescription", "AccessionNumber", "PatientComments"]),
        st.text("abc ", max_size=9),
    ),
    is_fetched=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_an_encoded_response_is_answered_like_a_decoded_one(index, study, key, more, is_fetched):
    asked = query(index, b_value(*key))
    if is_fetched:
        asked.request(identifier(StudyInstanceUID=""))
    given_response = response(study)
    for keyword, value in more.items():
        setattr(given_response, keyword, value)
    expected = query(index, b_value(*key)).answer(given_response)
    plain = asked.answer_plain(encoded(given_response))
    assert plain == (None if expected is None else (encoded(expected[0]), expected[1]))
