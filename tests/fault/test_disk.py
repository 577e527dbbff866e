"""Disks that are full or read-only: refused clearly, nothing lost, and well again by themselves."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fault.destination import Destination
from tests.fault.ledger import Ledger, Scanners, sample
from tests.fault.nodes import NodeProcess
from tests.peers import missing

OUT_OF_RESOURCES = 0xA700
DISK = 16_000_000
SIZE = 300_000


class Disk:
    """A small file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self, *options: str) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join((f"size={DISK}", *options)), "none",
             str(self.folder)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            missing(f"this test mounts a small file system: {done.stderr.strip()}")

    def fill(self) -> Path:
        """Write a file that leaves no room for anything else; return it."""
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        return filler

    def free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    one = Disk(tmp_path / "disk")
    one.folder.mkdir()
    one.mount()
    yield one
    one.unmount()


def on_disk(disk: Disk) -> dict[str, object]:
    return {"path": str(disk.folder / "spool"), "limits": {"min_free_bytes": 1}}


def test_a_full_disk_refuses_and_takes_objects_again_when_there_is_room(disk, tmp_path):
    ledger, pacs = Ledger("the disk is full"), Destination()
    lots = [[sample(k * 30 + n, SIZE, series=k) for n in range(30)] for k in range(3)]
    with NodeProcess(tmp_path, {"pacs": pacs.port}, spool=on_disk(disk)) as node:
        with Scanners(node.port, ledger, lots):
            pass
        # Each scanner was told of every object, over one association.
        assert ledger.answered + len(ledger.refusals) == 90
        assert set(ledger.refusals) == {OUT_OF_RESOURCES}
        assert 30 < ledger.answered < 60
        assert "0xA700" in node.said()
        with pacs:
            ledger.settle(node, pacs)
            node.wait_until(lambda: not any((disk.folder / "spool").rglob("*-*.*")))
            node.wait_until(lambda: disk.free() > DISK // 2)
            assert ledger.scan(node.port, lots[0]) == 30
            ledger.settle(node, pacs)


def test_a_node_starts_on_a_full_disk_and_empties_it(disk, tmp_path):
    """Nothing is free for spool and log, and only the node's own means change that."""
    ledger, pacs = Ledger("the disk is full when the node starts"), Destination()
    log = {"url": f"sqlite:///{disk.folder / 'log.db'}"}
    reserve = disk.folder / "spool" / "reserve"
    with NodeProcess(tmp_path, {"pacs": pacs.port}, spool=on_disk(disk), log=log) as node:
        assert ledger.scan(node.port, [sample(n, SIZE) for n in range(12)]) == 12
        node.kill()
        disk.fill()
        assert not disk.free()
        node.start()
        assert "is full; its reserve is given up" in node.said()
        assert ledger.scan(node.port, [sample(12 + n, SIZE) for n in range(3)]) == 0
        assert ledger.refusals == [OUT_OF_RESOURCES] * 3
        with pacs:
            assert ledger.settle(node, pacs).delivered == 12
            node.wait_until(lambda: not any((disk.folder / "spool").rglob("*-*.*")))
            node.wait_until(reserve.exists)
            assert ledger.scan(node.port, [sample(20, SIZE)]) == 1
            ledger.settle(node, pacs)


def test_a_person_can_retry_and_drop_on_a_full_disk(disk, tmp_path):
    ledger = Ledger("orders on a full disk")
    node = NodeProcess(tmp_path, {"pacs": Destination().port}, spool=on_disk(disk))
    node.spool = disk.folder / "spool"
    with node:
        assert ledger.scan(node.port, [sample(n, SIZE) for n in range(4)]) == 4
        ids = [it["object_id"] for it in node.queue()]
        disk.fill()
        for order in ("retry", "drop"):
            done = node.command("queue", order, *ids[:2])
            assert done.returncode == 0, done.stderr
        node.wait_until(lambda: len(node.queue()) == 2)
        node.stop()
        disk.fill()
        done = node.command("queue", "drop", ids[2])
        assert done.returncode == 0, done.stderr
        assert [it["status"] for it in node.queue()] == ["dropped", "pending"]


@contextmanager
def read_only(folders: Iterable[Path]) -> Iterator[None]:
    """Have nothing be made or removed in some folders, not even by root."""
    change = ("chattr", "+i", "-i") if os.geteuid() == 0 else ("chmod", "u-w", "u+w")
    command, take, give = change
    paths = [str(it) for it in folders]
    done = subprocess.run([command, take, *paths], capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"this test takes away the right to write: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run([command, give, *paths], check=True)


def test_a_spool_that_became_read_only_refuses_until_it_can_be_written_again(tmp_path):
    ledger, pacs = Ledger("the spool became read-only"), Destination()
    with NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        assert ledger.scan(node.port, [sample(n) for n in range(10)]) == 10
        with pacs, read_only(it for it in node.spool.iterdir() if it.name.isdigit()):
            # What is there is delivered, although it cannot be removed.
            assert ledger.settle(node, pacs).delivered == 10
            assert ledger.scan(node.port, [sample(10 + n) for n in range(5)]) == 0
            assert ledger.refusals == [OUT_OF_RESOURCES] * 5
        with pacs:
            assert ledger.scan(node.port, [sample(20 + n) for n in range(10)]) == 10
            assert ledger.settle(node, pacs).delivered == 20
            node.kill()
            node.start()
            node.wait_until(lambda: not node.spooled())
        assert "cannot write the spool" in node.said()


def test_an_object_that_does_not_fit_is_refused_and_smaller_ones_are_taken(tmp_path):
    ledger = Ledger("objects longer than there is room for")
    with Destination() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        limit_files(node, 1_000_000)
        objects = [sample(n, 3_000_000 if n % 2 else 2048) for n in range(10)]
        assert ledger.scan(node.port, objects) == 5
        assert ledger.refusals == [OUT_OF_RESOURCES] * 5
        limit_files(node, resource.RLIM_INFINITY)
        assert ledger.scan(node.port, objects[1::2]) == 5
        assert ledger.settle(node, pacs).delivered == 10


def limit_files(node: NodeProcess, size: int) -> None:
    """Have the receivers' writes fail where a file would become longer than `size`."""
    for pid in node.workers("receiver"):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_objects_wait_for_a_log_whose_disk_is_full_and_are_delivered_meanwhile(disk, tmp_path):
    """The node's own folder, with spool and configuration, is elsewhere."""
    ledger = Ledger("the disk of the log is full")
    with Destination() as pacs:
        log = {"url": f"sqlite:///{disk.folder / 'log.db'}"}
        with NodeProcess(tmp_path, {"pacs": pacs.port}, log=log) as node:
            assert ledger.scan(node.port, [sample(0)]) == 1
            node.wait_until(lambda: not node.spooled())
            filler = disk.fill()
            assert ledger.scan(node.port, [sample(1 + n) for n in range(50)]) == 50
            assert ledger.settle(node, pacs).delivered == 51
            assert node.spooled()
            filler.unlink()
            node.wait_until(lambda: not node.spooled())
            assert node.logged() == 51
