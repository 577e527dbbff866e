"""Random dictionaries, written and read back by every way there is into them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_dictionary import Condition, Flags
from atlas_dictionary.container import Container
from atlas_dictionary.creator import fold
from atlas_dictionary.keys import EXACT, PRIVATE, ElementKey
from atlas_dictionary.reader import FileDictionary
from atlas_dictionary.resolution import resolve
from atlas_dictionary.statements import VRS, SourceInfo, SourceTable, Statement
from atlas_dictionary.verify import verify
from atlas_dictionary.writer import write_dictionary

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
creators = st.one_of(
    st.sampled_from(["GEMS_PARM_01", "gems_parm_01", "SIEMENS CT VA0  GEN", "SIEMENS CT VA0 GEN"]),
    texts.filter(lambda text: text.strip()),
)
private_keys = st.builds(
    lambda creator, group, offset, mask: ElementKey(creator, (group << 16 | offset) & mask, mask),
    creators,
    st.sampled_from([0x0019, 0x0029, 0x6001, 0x7001]),
    st.integers(0, 255),
    st.sampled_from([PRIVATE, PRIVATE, PRIVATE, 0xFF0000FF, 0xFFFF0000]),
)
public_keys = st.builds(
    lambda tag, mask: ElementKey(None, tag & mask, mask),
    st.integers(0, EXACT).map(lambda tag: tag & ~0x10000),
    st.sampled_from([EXACT, EXACT, 0xFF00FFFF, 0xFFFFFF0F, 0xFFFF0000]),
)
conditions = st.one_of(st.none(), st.builds(Condition, texts, texts, texts.map(lambda t: t + "*")))
statements = st.builds(
    Statement,
    key=st.one_of(private_keys, public_keys),
    vrs=st.lists(st.sampled_from(sorted(VRS)), max_size=3, unique=True).map(tuple),
    vm=st.sampled_from(["", "1", "1-n", "2-2n"]),
    keyword=st.sampled_from(["", "PatientName", "Other"]),
    name=texts,
    description=texts,
    flags=st.sampled_from([Flags(0), Flags.RETIRED, Flags.OBSERVED | Flags.SAFE]),
    detail=texts,
    weight=st.integers(0, 1000),
    condition=conditions,
)
tables = st.lists(st.lists(statements, max_size=12), max_size=3).map(
    lambda sources: [
        SourceTable(SourceInfo(id=f"source{n}", title="T", statements=len(said)), tuple(said))
        for n, said in enumerate(sources)
    ]
)


def reopened(resolved):
    data = write_dictionary(resolved, {"made": "by a test"})
    assert write_dictionary(resolved, {"made": "by a test"}) == data
    container = Container(data, "random")
    verify(container)
    return FileDictionary(container)


@given(tables)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(sources):
    resolved = resolve(sources)
    dictionary = reopened(resolved)
    assert tuple(dictionary) == resolved.entries
    assert dictionary.spellings() == resolved.spellings
    for entry in resolved.entries:
        key = entry.key
        if key.creator is None:
            if key.mask == EXACT:
                assert dictionary.public(key.tag) == entry
            else:
                found = dictionary.public(key.tag)
                assert found is not None
                assert found.key.mask.bit_count() >= key.mask.bit_count()
            if entry.keyword:
                by_keyword = dictionary.by_keyword(entry.keyword)
                assert by_keyword is not None and by_keyword.keyword == entry.keyword
        elif not key.names_block:
            for spelling in (*resolved.spellings[key.creator], fold(key.creator.encode()).decode()):
                found = dictionary.private(spelling, entry.group, entry.element)
                if key.mask == PRIVATE:
                    assert found == entry


words = st.integers(0, 0xFFFF)
questions_of_any_kind = st.lists(st.tuples(st.integers(0, 2), words, words))


@given(tables, questions_of_any_kind, words, words)
@settings(max_examples=60, deadline=None)
def test_many_at_once_answer_as_one_by_one(sources, questions, any_group, any_block):
    resolved = resolve(sources)
    dictionary = reopened(resolved)
    asked = [
        (e.creator, e.group | any_group & ~e.key.mask >> 16, e.element | any_block & 0xFF00)
        for e in resolved.entries
    ]
    names = [None, "nobody", *dictionary.creators()]
    asked += [(names[which % len(names)], group, element) for which, group, element in questions]
    if not asked:
        return
    creators, groups, elements = zip(*asked, strict=True)
    matches = dictionary.lookup_many(creators, groups, elements)
    for index, (creator, group, element) in enumerate(asked):
        if creator is None:
            expected = dictionary.public(group << 16 | element)
        else:
            expected = dictionary.private(creator, group, element)
        assert matches.entry(index) == expected
        assert matches.found[index] == (expected is not None)
        single = expected is not None and not expected.ambiguous
        assert matches.vr[index].decode() == (expected.vr if single else "UN")


@given(st.binary(max_size=300), st.integers(0, 760))
@settings(max_examples=100, deadline=None)
def test_damage_raises_one_error_only(bad_data, noise, place):
    """Whatever stands in a file whose checksum was not looked at, a reader stays inside of it."""
    from atlas_dictionary import DictionaryError

    data = bytearray(bad_data.example())
    data[place : place + len(noise)] = noise
    try:
        dictionary = FileDictionary(Container(bad_data.sealed(data), "noise"))
        dictionary.public(0x00100010)
        dictionary.private("SIEMENS MR HEADER", 0x19, 0x0A)
        dictionary.by_keyword("PatientName")
        dictionary.info()
    except DictionaryError:
        pass
