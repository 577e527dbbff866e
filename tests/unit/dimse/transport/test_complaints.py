from atlas_node.dimse.transport.complaints import MOST, PERIOD, Complaints


def test_many_connections_that_fail_make_few_lines(caplog):
    now = [0.0]
    complaints = Complaints(lambda: now[0])
    for number in range(1000):
        complaints.say("192.0.2.7", f"failed for reason {number}")
    said = [it.getMessage() for it in caplog.records]
    assert len(said) == MOST
    assert said[0] == "connection from 192.0.2.7 failed for reason 0"
    assert said[-1].endswith("; more of them are not logged for 60 s from the first")
    now[0] = PERIOD
    complaints.say("192.0.2.7", "failed again")
    assert caplog.records[-1].getMessage() == (
        "connection from 192.0.2.7 failed again; 990 more before it were not logged"
    )


def test_a_few_in_each_period_are_all_said(caplog):
    now = [0.0]
    complaints = Complaints(lambda: now[0])
    for number in range(3 * (MOST - 1)):
        now[0] = number // (MOST - 1) * PERIOD
        complaints.say("192.0.2.7", "failed")
    assert {it.getMessage() for it in caplog.records} == {"connection from 192.0.2.7 failed"}
    assert len(caplog.records) == 3 * (MOST - 1)
