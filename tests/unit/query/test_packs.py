"""Texts in packs: found wherever they stand, and gone when they are taken out."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from atlas_node.log.database import Database
from atlas_node.query.packs import drop_first, pack, perhaps_matching, unpack
from atlas_node.query.tables import index_packs, prepare

KEY, OTHER = 1, 2
TEXTS = st.text(st.sampled_from("aAbß /%_\n\x1e"), max_size=6)


@pytest.fixture
def connection(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/log.db")
    with database.writing() as connection:
        prepare(connection, database.place)
        yield connection
    database.close()


def test_values_come_in_packs_of_some_dozens(connection):
    for begin in range(0, 1000, 7):
        pack(connection, ((KEY, it, f"value number {it:04d}") for it in range(begin, begin + 7)))
    packs = connection.execute(select(func.count()).select_from(index_packs)).scalar_one()
    assert 10 < packs < 30
    assert list(perhaps_matching(connection, KEY, "*0777")) == [777]
    assert sorted(perhaps_matching(connection, KEY, "VALUE*77*")) == [
        it for it in range(1001) if "77" in f"{it:04d}"
    ]
    assert list(perhaps_matching(connection, KEY, "number 0777")) == []
    assert list(perhaps_matching(connection, OTHER, "*0777")) == []


def test_what_is_taken_out_is_gone_and_the_rest_stays(connection):
    pack(connection, ((KEY, it, f"value {it}") for it in range(300)))
    pack(connection, [(OTHER, 300, "value 7")])
    unpack(connection, KEY, range(7, 299))
    assert list(perhaps_matching(connection, KEY, "*")) == [0, 1, 2, 3, 4, 5, 6, 299]
    assert list(perhaps_matching(connection, OTHER, "*7")) == [300]
    unpack(connection, KEY, [*range(7), 299])
    assert connection.execute(select(index_packs.c.key_id)).scalars().all() == [OTHER]


def test_a_key_is_taken_out_pack_by_pack(connection):
    pack(connection, ((KEY, it, f"value {it}") for it in range(300)))
    pack(connection, [(OTHER, 300, "value 7")])
    first = drop_first(connection, KEY, 1)
    assert first == list(range(len(first)))
    assert list(perhaps_matching(connection, KEY, "*")) == list(range(len(first), 300))
    assert len(first) + len(drop_first(connection, KEY, 100)) == 300
    assert drop_first(connection, KEY, 100) == []
    assert list(perhaps_matching(connection, OTHER, "*7")) == [300]


@given(st.lists(TEXTS, min_size=1, max_size=9), st.lists(TEXTS, max_size=3).map("*".join))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_text_that_matches_is_missed(connection, texts, pattern):
    connection.execute(delete(index_packs))
    pack(connection, ((KEY, number, text) for number, text in enumerate(texts)))
    found = set(perhaps_matching(connection, KEY, pattern))
    regex = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    assert found >= {number for number, text in enumerate(texts) if regex.fullmatch(text)}
