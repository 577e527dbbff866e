from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.model import DeliveryRecord, DeliveryStatus, Envelope, Policy
from atlas_node.spool.entry import Entry, Recipient, initial_deliveries
from atlas_node.spool.journal import (
    DAMAGED,
    delivery_line,
    entry_line,
    finished_line,
    parse_journal,
    recipients_line,
)

names = st.text(max_size=20)  # whatever a peer calls itself, control characters and all
envelopes = st.builds(Envelope, st.floats(0, 1e11), names, names, names, names, names, names)
recipients = st.lists(
    st.builds(Recipient, names, st.sampled_from(Policy), names),
    max_size=3,
    unique_by=lambda recipient: recipient.destination,
)
entries = st.builds(
    Entry, names, envelopes, st.integers(0, 2**40), st.integers(0, 2**20), recipients.map(tuple)
)


def records_of(entry):
    """What may become of the deliveries of an object."""
    destinations = [it.destination for it in entry.recipients]
    return st.builds(
        DeliveryRecord,
        st.sampled_from(destinations) if destinations else st.nothing(),
        st.sampled_from(DeliveryStatus),
        st.integers(0, 1000),
        st.floats(0, 1e11),
        names,
        st.none() | st.floats(0, 1e11),
    )


journals = entries.flatmap(
    lambda entry: st.tuples(st.just(entry), st.lists(records_of(entry), max_size=4))
)


@given(journals)
def test_a_journal_says_what_was_written_into_it(written):
    entry, events = written
    journal = entry_line(entry) + b"".join(map(delivery_line, events))
    parsed = parse_journal(journal)
    assert parsed is not None
    queued, end = parsed
    assert queued.entry == entry
    assert end == len(journal)
    expected = initial_deliveries(entry) | {event.destination: event for event in events}
    assert queued.deliveries == expected


@given(journals, st.data())
def test_a_torn_journal_is_the_journal_of_its_whole_lines(written, data):
    entry, events = written
    lines = [entry_line(entry), *map(delivery_line, events)]
    journal = b"".join(lines)
    cut = data.draw(st.integers(0, len(journal)))
    whole = 0
    while whole < len(lines) and len(b"".join(lines[: whole + 1])) <= cut:
        whole += 1
    parsed = parse_journal(journal[:cut])
    if whole == 0:
        assert parsed is None
    else:
        assert parsed == parse_journal(b"".join(lines[:whole]))


def test_every_line_is_one_line_whatever_a_peer_calls_itself(envelope):
    entry = Entry("1-0", envelope, 1, 1, (Recipient("a\nb\r\u2028", Policy.DECODE),))
    assert entry_line(entry).count(b"\n") == 1
    assert len(entry_line(entry).splitlines()) == 1


def test_a_refused_recipient_is_dead_from_the_start(envelope):
    entry = Entry("1-0", envelope, 1, 1, (Recipient("x", Policy.DECODE, "no route matches"),))
    record = initial_deliveries(entry)["x"]
    assert (record.status, record.detail) == (DeliveryStatus.DEAD, "no route matches")


@pytest.mark.parametrize(
    "line", [b"\n", b"{}\n", b"[]\n", b"\xff\n", b'{"version": 2}\n', b'"text"\n', b"7\n"]
)
def test_a_line_of_something_else_is_a_value_error(line):
    with pytest.raises(ValueError):
        parse_journal(line)


PACS = Recipient("pacs", Policy.DECODE)
ARCHIVE = Recipient("archive", Policy.DECODE)
SPOILT = [
    b"\n", b"{}\n", b"\xff\n", b'{"to": 7}\n', b'{"new": 1}\n', b'{"delivery": {}}\n',
    b'{"delivery": {"destination": [], "status": "sent"}}\n',
    delivery_line(DeliveryRecord("qacs", DeliveryStatus.SENT)),  # one bit from "pacs"
]  # fmt: skip


def states(journal):
    queued, end = parse_journal(journal)
    assert end == len(journal)
    return {name: (it.status, it.detail) for name, it in queued.deliveries.items()}


@pytest.mark.parametrize("line", SPOILT)
def test_a_spoilt_line_leaves_what_was_final_and_what_was_open_is_dead(envelope, line):
    journal = entry_line(Entry("1-0", envelope, 1, 1, (PACS, ARCHIVE)))
    journal += delivery_line(DeliveryRecord("archive", DeliveryStatus.SENT)) + line
    why = "its journal is damaged at line 3"
    assert states(journal) == {
        "pacs": ("dead", why), "archive": ("sent", ""), DAMAGED: ("dead", why),
    }  # fmt: skip


def test_what_is_said_after_a_spoilt_line_counts(envelope):
    """An order settles the object, and the next start knows."""
    journal = entry_line(Entry("1-0", envelope, 1, 1, (PACS,))) + b"#\n"
    journal += delivery_line(DeliveryRecord("pacs", DeliveryStatus.PENDING))
    assert states(journal)["pacs"] == ("pending", "")
    journal += delivery_line(DeliveryRecord(DAMAGED, DeliveryStatus.DROPPED, detail="by order"))
    assert states(journal)[DAMAGED] == ("dropped", "by order")
    assert parse_journal(journal + finished_line(1.0))[0].finished_at == 1.0


def test_a_destination_that_only_a_spoilt_line_named_keeps_the_object_in_the_spool(envelope):
    no_route = Recipient("(no route)", Policy.DECODE, "no route matches the object")
    journal = entry_line(Entry("1-0", envelope, 1, 1, (no_route,)))
    journal += b"#" + recipients_line([PACS])
    journal += delivery_line(DeliveryRecord("(no route)", DeliveryStatus.DROPPED))
    journal += delivery_line(DeliveryRecord("pacs", DeliveryStatus.FAILED))
    assert states(journal) == {
        "(no route)": ("dropped", ""), DAMAGED: ("dead", "its journal is damaged at line 2"),
    }  # fmt: skip


@given(journals, st.data())
def test_no_spoilt_byte_after_the_entry_makes_an_object_unreadable(written, data):
    entry, events = written
    journal = bytearray(entry_line(entry) + b"".join(map(delivery_line, events)))
    if events:
        at = data.draw(st.integers(len(entry_line(entry)), len(journal) - 1))
        journal[at] = data.draw(st.integers(0, 255))
    parsed = parse_journal(bytes(journal))
    assert parsed is not None
    queued, _ = parsed
    assert replace(queued.entry, recipients=entry.recipients) == entry
    named = {it.destination for it in queued.entry.recipients}
    assert set(queued.deliveries) == named
