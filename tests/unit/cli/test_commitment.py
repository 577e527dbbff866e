import json
from dataclasses import replace

import pytest
import yaml
from typer.testing import CliRunner

from atlas_node.cli import app
from atlas_node.spool import CommitmentStore
from atlas_node.spool.transaction import EncodedDataSet, Enquiry, EnquiryStatus, Transaction

REPORTED = Enquiry("pacs", ("1.2.3",), EnquiryStatus.REPORTED, ("2.25.7",), event_type=1)
WAITING = Enquiry("pacs", ("1.2.3",), next_try_at=1_700_000_200.0, detail="cannot connect")
GIVEN_UP = Transaction(
    transaction_id="0123456789ab",
    received_at=1_700_000_000.0,
    calling_ae="CT1\x1b[2J",
    called_ae="ATLAS",
    peer="192.0.2.7",
    transaction_uid="1.2.3.4",
    request=EncodedDataSet.of("1.2.840.10008.1.2", b""),
    enquiries=(REPORTED,),
    complete_at=1_700_000_100.0,
    tries=3,
    next_try_at=1_700_000_200.0,
    detail="CT1 at 192.0.2.7:104: cannot connect: Connection refused",
    given_up=True,
)


@pytest.fixture
def store(tmp_path):
    return CommitmentStore(tmp_path / "spool")


@pytest.fixture
def commitment(tmp_path):
    """Run ``atlas-node commitment``."""
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"spool": {"path": "spool"}}))

    def run(*arguments):
        return CliRunner().invoke(app, ["commitment", *arguments, "-c", str(path)])

    return run


def test_without_transactions_it_says_so(commitment):
    result = commitment("list")
    assert (result.exit_code, result.output) == (0, "no open storage commitment transactions\n")
    assert commitment("list", "--json").output == ""


def test_a_list_says_how_each_stands_and_why(commitment, store):
    store.add(GIVEN_UP)
    output = commitment("list").output
    for text in ("0123456789ab", "2023-11-14 22:13:20Z", "pacs: reported", "given up", "refused"):
        assert text in output
    assert "\x1b" not in output


def test_json_has_everything_but_the_data_sets(commitment, store):
    store.add(GIVEN_UP)
    [line] = commitment("list", "--json").output.splitlines()
    found = json.loads(line)
    assert found["transaction_uid"] == "1.2.3.4"
    assert found["state"] == "given up"
    assert found["received_at"] == "2023-11-14T22:13:20+00:00"
    assert found["archives"] == [
        {
            "destination": "pacs",
            "status": "reported",
            "tries": 0,
            "next_try_at": None,
            "detail": "",
            "transaction_uids": ["2.25.7"],
        }
    ]


def test_a_retry_makes_everything_due(commitment, store):
    store.add(GIVEN_UP)
    store.add(replace(GIVEN_UP, transaction_id="ba9876543210", enquiries=(WAITING,)))
    result = commitment("retry", "0123456789ab", "ba9876543210")
    assert result.exit_code == 0
    for transaction in store.transactions():
        assert (transaction.given_up, transaction.next_try_at) == (False, 0.0)
        assert transaction.enquiries[0].next_try_at == 0.0


def test_what_is_dropped_is_gone(commitment, store):
    store.add(GIVEN_UP)
    assert commitment("drop", "0123456789ab").exit_code == 0
    assert store.transactions() == []


@pytest.mark.parametrize("command", ["retry", "drop"])
def test_what_is_not_there_is_an_error(commitment, command):
    result = commitment(command, "0123456789ab")
    assert "no open storage commitment transaction '0123456789ab'" in str(result.exception)
