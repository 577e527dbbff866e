"""Many objects, long objects and the same objects again."""

from __future__ import annotations

from tests.fault.destination import Destination
from tests.fault.ledger import Ledger, Scanners, long_sample, sample
from tests.fault.memory import memory_growth
from tests.fault.nodes import NodeProcess

MANY = 10_000
LONG = 2**31 + 4096


def test_ten_thousand_small_objects(tmp_path):
    ledger, scanners = Ledger("none: 10,000 small objects"), 4
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        lots = [
            (sample(n, 512, series=n // 200) for n in range(k, MANY, scanners))
            for k in range(scanners)
        ]
        with Scanners(node.port, ledger, lots):
            pass
        tally = ledger.settle(node, pacs, timeout=200)
        assert tally.delivered == tally.answered == MANY
        node.wait_until(lambda: not node.spooled())
        assert node.logged() == MANY


def test_the_same_instance_again_with_the_same_and_with_other_bytes(tmp_path):
    """Both versions arrive: the node does not decide which of them is right."""
    ledger, count = Ledger("the same instances again, with the same and other bytes"), 20
    first = [sample(n, series=n % 3) for n in range(count)]
    second = [sample(n, series=n % 3, version=n % 2) for n in range(count)]
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        with Scanners(node.port, ledger, (first, second, first)):
            pass
        tally = ledger.settle(node, pacs)
        node.wait_until(lambda: not node.spooled())
    assert tally.sent == tally.answered == tally.delivered == count + count // 2
    assert len(pacs.objects) == count


def test_an_object_longer_than_two_gigabytes_takes_little_memory(roomy, tmp_path):
    one = long_sample(1, LONG)
    ledger = Ledger("none: an object longer than 2 GB")
    spool = {"path": str(roomy / "spool"), "limits": {"min_free_bytes": 1}}
    timeouts = {"dimse": 60, "network": 60, "drain": 5}
    with (
        Destination() as pacs,
        NodeProcess(
            tmp_path, {"pacs": pacs.port}, spool=spool, node={"timeouts": timeouts}
        ) as node,
    ):
        with memory_growth(node) as growth:
            assert ledger.scan(node.port, [one]) == 1
            assert pacs.wait(lambda it: it.stored() == 1, 200)
            node.wait_until(lambda: not any((roomy / "spool").rglob("*.job")))
        assert ledger.settle(node, pacs).delivered == 1
    print(f"object of {LONG / 1e6:.0f} MB: {growth.most / 1e6:.1f} MB more memory")
    assert growth.most < 64_000_000
