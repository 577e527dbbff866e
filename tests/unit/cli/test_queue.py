import json
from dataclasses import replace

import pytest
import yaml
from typer.testing import CliRunner

from atlas_node.activity import DestinationState, Publisher, Snapshot, Tally
from atlas_node.cli import app
from atlas_node.config import SpoolSettings
from atlas_node.errors import SpoolError
from atlas_node.model import DeliveryStatus, Envelope, Policy
from atlas_node.spool import Recipient
from tests.spools import FedSpool

ENVELOPE = Envelope(
    received_at=1_700_000_000.0,
    calling_ae="SCANNER",
    called_ae="ATLAS",
    peer="192.0.2.7",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    sop_instance_uid="1.2.3.4",
    transfer_syntax_uid="1.2.840.10008.1.2.1",
)


@pytest.fixture
def spool(tmp_path):
    opened = FedSpool(SpoolSettings(path=tmp_path / "spool"))
    yield opened
    opened.close()


@pytest.fixture
def queue(tmp_path):
    """Run ``atlas-node queue`` beside the spool that is open."""
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"spool": {"path": "spool"}}))

    def run(command, *arguments, **options):
        return CliRunner().invoke(app, ["queue", command, *arguments, "-c", str(path)], **options)

    return run


@pytest.fixture
def two_objects(spool):
    """The first failed at one of two destinations; the peer of the second is up to mischief."""
    recipients = [Recipient("pacs", Policy.DECODE), Recipient("archive", Policy.DECODE)]
    mischief = replace(ENVELOPE, calling_ae="[red]\x1b[2J", sop_instance_uid="1.2.3.5")
    ids = [spool.accept(it, b"\0\0", recipients) for it in (ENVELOPE, mischief)]
    delivery = spool.take("pacs", 0)
    record = replace(
        delivery.record,
        status=DeliveryStatus.FAILED,
        tries=3,
        at=1_700_000_100.0,
        detail="PACS at 192.0.2.9:104: status 0xA900",
        next_try_at=1_700_000_200.0,
    )
    spool.settle(delivery, record)
    return ids


def test_every_delivery_is_a_line(queue, two_objects):
    result = queue("list")
    assert result.exit_code == 0
    heading, *lines = result.stdout.splitlines()
    assert heading.split()[:2] == ["Object", "Received"]
    assert len(lines) == 4
    assert lines[0].split("  ")[0] == two_objects[0]
    for part in (
        "2023-11-14 22:13:20Z",
        "SCANNER",
        "1.2.3.4",
        "failed",
        "3",
        "22:16:40Z",
        "0xA900",
    ):
        assert part in lines[0]


def test_what_a_peer_calls_itself_cannot_play_with_the_terminal(queue, two_objects):
    for result in (queue("list"), queue("show", two_objects[1])):
        assert "\x1b" not in result.stdout
        assert r"[red]\x1b[2J" in result.stdout


def test_json_is_one_object_a_line(queue, two_objects):
    rows = [json.loads(line) for line in queue("list", "--json").stdout.splitlines()]
    assert rows[0] == {
        "object_id": two_objects[0],
        "received_at": "2023-11-14T22:13:20+00:00",
        "calling_ae": "SCANNER",
        "sop_instance_uid": "1.2.3.4",
        "destination": "pacs",
        "status": "failed",
        "tries": 3,
        "at": "2023-11-14T22:15:00+00:00",
        "detail": "PACS at 192.0.2.9:104: status 0xA900",
        "next_try_at": "2023-11-14T22:16:40+00:00",
    }
    assert [row["status"] for row in rows] == ["failed", "pending", "pending", "pending"]


@pytest.mark.parametrize(("status", "count"), [("failed", 1), ("pending", 3), ("dead", 0)])
def test_one_status_can_be_asked_for(queue, two_objects, status, count):
    assert len(queue("list", "--json", "--status", status).stdout.splitlines()) == count


def test_an_empty_queue_says_so(queue):
    assert queue("list").stdout == "no deliveries\n"
    assert queue("list", "--status", "dead").stdout == "no deliveries with status dead\n"
    assert queue("list", "--json").stdout == ""


def test_one_object_is_shown_with_all_its_deliveries(queue, two_objects):
    result = queue("show", two_objects[0])
    assert result.exit_code == 0
    for part in ("192.0.2.7", ENVELOPE.sop_class_uid, "1.2.3.4", "pacs", "archive", "0xA900"):
        assert part in result.stdout
    shown = json.loads(queue("show", two_objects[0], "--json").stdout)
    assert shown["size"] == 2
    assert [it["destination"] for it in shown["deliveries"]] == ["pacs", "archive"]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (("--destination", "pacs"), 2),
        (("--destination", "pacs", "--status", "pending"), 1),
        (("--since", "2023-11-14T22:13:20Z"), 4),
        (("--since", "1h"), 0),
        (("--finished",), 0),
    ],
)
def test_the_list_can_be_narrowed(queue, two_objects, options, count):
    assert len(queue("list", "--json", *options).stdout.splitlines()) == count


def test_a_time_that_is_none_is_wrong_use(queue):
    assert queue("list", "--since", "tomorrow").exit_code == 2


def reasons(queue, *options):
    """What the list says in text and as JSON, by object and destination."""
    result = queue("list", *options)
    rows = [json.loads(it) for it in queue("list", "--json", *options).stdout.splitlines()]
    for row in rows:
        assert row["detail"] in result.stdout
    return {(it["object_id"], it["destination"]): it["detail"] for it in rows}


@pytest.fixture
def destinations(tmp_path):
    """Have the configuration know where the objects go to."""
    known = [
        {"name": it, "ae_title": it.upper(), "host": "192.0.2.9", "port": 104}
        for it in ("pacs", "archive")
    ]
    settings = {"spool": {"path": "spool"}, "destinations": known, "routes": [{"to": ["pacs"]}]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))


def test_an_object_that_waits_for_another_says_so(queue, spool, two_objects, destinations):
    first, second = two_objects
    assert spool.hold_back(spool.take("pacs", 0, last=[first]), behind=first)
    reason = f"waits for {first}, of the same series"
    assert reasons(queue)[second, "pacs"] == reason
    assert reasons(queue, "--status", "pending")[second, "pacs"] == reason
    assert reasons(queue)[second, "archive"] == ""
    assert reason in queue("show", second).stdout
    spool.retry(first, "pacs")
    assert reasons(queue)[second, "pacs"] == ""
    assert reason not in queue("show", second).stdout


def test_what_waits_for_a_destination_says_what_is_wrong_with_it(
    queue, spool, two_objects, destinations, tmp_path
):
    down = DestinationState(failed_at=1.7e9, failure="ARCHIVE: cannot connect", next_try_at=1.8e9)
    snapshot = Snapshot(destinations={"archive": down})
    Publisher(tmp_path / "spool", "forwarder-0", Tally(), lambda: snapshot).publish()
    for object_id in two_objects:
        assert reasons(queue)[object_id, "archive"] == "ARCHIVE: cannot connect"
    shown = json.loads(queue("show", two_objects[1], "--json").stdout)["deliveries"][1]
    assert (shown["status"], shown["tries"]) == ("pending", 0)
    assert shown["next_try_at"] == "2027-01-15T08:00:00+00:00"


def test_a_destination_that_the_configuration_no_longer_has_is_said(queue, two_objects):
    assert reasons(queue)[two_objects[1], "pacs"] == "the configuration has no destination 'pacs'"


@pytest.fixture
def dead(spool, two_objects):
    """The first object given up by `pacs`; the node stopped."""
    assert spool.retry(two_objects[0], "pacs") == ""
    for _ in range(2):
        delivery = spool.take("pacs", 0)
        spool.settle(delivery, replace(delivery.record, status=DeliveryStatus.DEAD, tries=9))
    spool.close()
    return two_objects


def statuses(queue, *options):
    rows = [json.loads(line) for line in queue("list", "--json", *options).stdout.splitlines()]
    return [(row["destination"], row["status"], row["tries"]) for row in rows]


def test_one_object_is_tried_again(queue, dead):
    result = queue("retry", dead[0])
    assert (result.exit_code, result.stdout) == (0, "2 deliveries tried again\n")
    assert statuses(queue, "--destination", "pacs") == [("pacs", "pending", 0), ("pacs", "dead", 9)]


def test_all_that_is_dead_is_tried_again_when_the_user_says_yes(queue, dead):
    asked = queue("retry", "--status", "dead", input="n\n")
    assert asked.exit_code == 1
    assert "retry 2 deliveries of 2 objects?" in asked.output
    assert statuses(queue, "--status", "dead") == 2 * [("pacs", "dead", 9)]
    assert queue("retry", "--all", input="y\n").exit_code == 0
    assert statuses(queue, "--status", "dead") == []


def test_a_destination_is_dropped_without_asking(queue, dead):
    result = queue("drop", "--destination", "archive", "--yes", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "action": "drop", "done": 2, "refused": [], "unanswered": 0,
    }  # fmt: skip
    assert statuses(queue, "--destination", "archive") == 2 * [("archive", "dropped", 0)]


def test_what_is_refused_is_said_and_fails(queue, dead):
    queue("drop", "--destination", "archive", "--yes")
    result = queue("retry", "0-0")
    assert isinstance(result.exception, SpoolError)
    result = queue("drop", dead[0], "--status", "dropped")
    assert result.exit_code == 1
    assert result.stdout.startswith("0 deliveries dropped\n")
    assert f"{dead[0]} to archive: it is dropped already" in result.output


def test_an_order_for_nothing_in_particular_is_wrong_use(queue, dead):
    for command in ("retry", "drop"):
        result = queue(command)
        assert result.exit_code == 2
        assert "--destination, --status or --all" in result.output


def test_an_order_that_nothing_matches_changes_nothing(queue, dead):
    result = queue("retry", "--status", "failed")
    assert (result.exit_code, result.stdout) == (0, "0 deliveries tried again\n")


def unboxed(output):
    """What the box around an error of use says."""
    return " ".join(output.replace("│", " ").split())


@pytest.mark.parametrize("command", ["retry", "drop", "list"])
def test_a_destination_that_is_not_there_is_wrong_use(queue, dead, command):
    result = queue(command, "--destination", "nowhere")
    assert result.exit_code == 2
    said = "no destination named 'nowhere'; there are: archive, pacs"
    assert said in unboxed(result.output)


def test_a_destination_of_the_configuration_need_not_be_in_the_spool(queue, tmp_path):
    result = queue("retry", "--destination", "new-pacs")
    assert result.exit_code == 2
    assert "there are none" in unboxed(result.output)
    pacs = {"name": "new-pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 104}
    settings = {"spool": {"path": "spool"}, "destinations": [pacs]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    result = queue("retry", "--destination", "new-pacs")
    assert (result.exit_code, result.stdout) == (0, "0 deliveries tried again\n")


def test_an_object_that_is_not_there(queue, two_objects):
    result = queue("show", "../../etc/passwd")
    assert isinstance(result.exception, SpoolError)
    assert "there is no object '../../etc/passwd' in the spool" in str(result.exception)
