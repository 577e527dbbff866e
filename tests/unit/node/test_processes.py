"""The node among other processes: signals to its whole group, and helpers that are killed."""

import itertools
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from atlas_node.node.processes import allow_files
from tests.fault.nodes import ATLAS_NODE, NodeProcess
from tests.fault.pacs import Pacs, ct_object, send
from tests.ports import listens
from tests.scanner import CT_IMAGE_STORAGE, Scanner
from tests.waiting import LONG

BLOCKED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
TIMEOUT = shutil.which("timeout")


def status(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def to_group(node: NodeProcess, number: signal.Signals) -> None:
    assert node.process is not None
    os.killpg(node.process.pid, number)


def ready(node: NodeProcess) -> str:
    return f"atlas-node: ready on 127.0.0.1:{node.port} as ATLAS, 2 workers\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_drains_and_is_one_line(tmp_path, number):
    """As Ctrl-C in a terminal; `timeout` sends it to the first process, too."""
    timeouts = {"timeouts": {"drain": LONG}}
    with Pacs() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}, node=timeouts) as node:
        answered = send(node.port, [ct_object(n) for n in range(20)])
        to_group(node, number)
        node.signal(number)
        assert node.process is not None
        assert node.process.wait(LONG) == 0
        assert set(pacs.objects) == set(answered)
        assert not node.spooled()
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", node.port), timeout=1)
        assert node.said() == ready(node) + "atlas-node: stopped\n"


def test_a_reload_of_the_whole_group_happens_once(tmp_path):
    with NodeProcess(tmp_path, {}) as node:
        to_group(node, signal.SIGHUP)
        node.wait_until(lambda: node.said().count("configuration read again") == 4)
        assert node.stop() == 0
        assert node.said().count("configuration read again") == 4
        assert len(node.said().splitlines()) == 1 + 4 + 1


def test_a_reload_that_is_asked_for_while_it_starts_is_not_forgotten(tmp_path):
    node = NodeProcess(tmp_path, {})
    starting = threading.Thread(target=node.start)
    starting.start()
    while node.process is None or not node.helpers():
        time.sleep(0.01)
    node.signal(signal.SIGHUP)
    starting.join()
    node.wait_until(lambda: node.said().count("configuration read again") == 4)
    assert node.stop() == 0


@pytest.mark.skipif(TIMEOUT is None, reason="needs coreutils")
@pytest.mark.parametrize("seconds", [0.2, 0.8, 1.4])
def test_a_node_that_is_stopped_while_it_starts_says_no_more_than_that(tmp_path, seconds):
    node = NodeProcess(tmp_path, {})
    done = subprocess.run(
        [TIMEOUT, str(seconds), *ATLAS_NODE, "serve", "-c", str(node.config_path)],
        capture_output=True, text=True, timeout=2 * LONG, check=False,
    )  # fmt: skip
    assert done.returncode == 124
    assert done.stderr == ""
    # So early that it cannot say anything, it just ends.
    assert done.stdout in ("", "atlas-node: stopped\n", ready(node) + "atlas-node: stopped\n")


def test_a_second_signal_a_while_after_the_first_ends_the_drain(tmp_path):
    timeouts = {"drain": 2 * LONG}
    with (
        NodeProcess(tmp_path, {}, node={"timeouts": timeouts, "workers": 1}) as node,
        Scanner(node.port) as scanner,
    ):
        *some, _ = scanner.message(CT_IMAGE_STORAGE, "1.2.3", bytes(10**6))
        trickle = itertools.chain(*some)
        node.signal(signal.SIGTERM)
        node.wait_until(lambda: not listens(node.port))
        begun = time.monotonic()
        while time.monotonic() - begun < 1.2:
            scanner.sock.sendall(bytes([next(trickle)]))
            time.sleep(0.1)
        assert node.process is not None
        assert node.process.poll() is None
        node.signal(signal.SIGTERM)
        assert node.process.wait(LONG) == 0
        assert "receivers are killed; what they had not answered is not kept" in node.said()


def test_the_other_processes_take_no_signals_and_the_fork_server_has_no_threads(tmp_path):
    with NodeProcess(tmp_path, {}) as node:
        for pid in [*node.workers(), *node.helpers()]:
            blocked = int(status(pid, "SigBlk"), 16) | int(status(pid, "SigIgn"), 16)
            assert all(blocked >> number - 1 & 1 for number in BLOCKED), pid
            os.kill(pid, signal.SIGTERM)
        assert [status(pid, "Threads") for pid in node.helpers()] == ["1", "1"]
        assert len(send(node.port, [ct_object(1)])) == 1
        assert len(node.workers()) == 4
        assert node.stop() == 0


def test_a_fork_server_that_is_killed_is_started_again_with_all_it_had_forked(tmp_path):
    with NodeProcess(tmp_path, {}) as node:
        before = node.workers()
        for pid in node.helpers():
            os.kill(pid, signal.SIGKILL)
        node.wait_until(lambda: len(node.workers()) == 4 and not set(before) & set(node.workers()))
        node.wait_until(lambda: len(send(node.port, [ct_object(1)])) == 1)
        assert node.stop() == 0
        assert "Traceback" not in node.said()


def test_a_limit_on_open_files_that_cannot_be_raised_is_borne(monkeypatch):
    refused = ValueError("not allowed to raise maximum limit")
    monkeypatch.setattr(resource, "setrlimit", Mock(side_effect=refused))
    allow_files()
