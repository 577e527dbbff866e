"""The node as its processes."""

import os
import resource
import signal
import socket
import subprocess
import time
from unittest.mock import Mock

import pytest

from atlas_node.node import supervisor
from tests.fault import nodes
from tests.fault.nodes import ATLAS_NODE, NodeProcess
from tests.fault.pacs import Pacs, ct_object, send
from tests.ports import free_port
from tests.waiting import LONG

WORKERS_ONE = {"workers": 1}


def refused(node: NodeProcess) -> str:
    """Start a node that cannot start, and return what it said."""
    done = subprocess.run(
        [*ATLAS_NODE, "serve", "-c", str(node.config_path)],
        capture_output=True, text=True, timeout=2 * LONG, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_says_in_one_line_that_it_is_ready(tmp_path):
    port = free_port()
    web = {"enabled": True, "port": port}
    with NodeProcess(tmp_path, {}, web=web, node={"ae_title": "HERE"}) as node:
        assert node.said() == (
            f"atlas-node: ready on 127.0.0.1:{node.port} as HERE, 2 workers, "
            f"viewer http://127.0.0.1:{port}/\n"
        )
        with socket.create_connection(("127.0.0.1", port), timeout=LONG) as viewer:
            viewer.sendall(f"GET / HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            assert viewer.recv(12) == b"HTTP/1.1 200"
        assert node.stop() == 0


def test_what_cannot_be_delivered_waits_for_the_next_start(tmp_path):
    pacs = Pacs()
    with NodeProcess(tmp_path, {"pacs": pacs.port}, node=WORKERS_ONE) as node:
        answered = send(node.port, [ct_object(number) for number in range(3)])
        assert node.stop() == 0
        assert [row["sop_instance_uid"] for row in node.queue()] == answered
        with pacs:
            node.start()
            assert pacs.wait_for(answered)


def test_sighup_reads_the_routes_again_and_a_bad_file_changes_nothing(tmp_path):
    with (
        Pacs() as first,
        Pacs() as second,
        NodeProcess(tmp_path, {"first": first.port, "second": second.port}) as node,
    ):
        node.config["routes"] = [{"to": ["second"]}]
        node.write_config()
        node.signal(signal.SIGHUP)
        node.wait_until(lambda: node.said().count("configuration read again") == 4)
        node.config_path.write_text("routes: [{to: [nowhere]}]")
        node.signal(signal.SIGHUP)
        node.wait_until(lambda: "the configuration in force stays" in node.said())
        assert "Traceback" not in node.said()
        answered = send(node.port, [ct_object(1)])
        assert second.wait_for(answered)
        assert not first.objects


def test_all_processes_take_the_configuration_that_was_read_once(tmp_path):
    """Also where the file is written again at that moment."""
    with Pacs() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}) as node:
        to_pacs = node.config_path.read_text()
        for number in range(1, 6):
            node.config_path.write_text(to_pacs)
            node.signal(signal.SIGHUP)
            time.sleep(0.02 + number / 250)
            node.config_path.write_text("routes: []")
            node.wait_until(
                lambda number=number: node.said().count("configuration read again") == 4 * number
            )
            assert node.said().count("destinations 1") == node.said().count("routes 1")
            assert node.said().count("destinations 1") % 2 == 0


@pytest.mark.parametrize("kind", ["receiver", "forwarder"])
def test_a_process_that_keeps_ending_is_started_later_each_time(tmp_path, kind):
    with NodeProcess(tmp_path, {}, node=WORKERS_ONE) as node:
        for _ in range(2):
            node.kill_worker(kind)
        assert node.said().count("killed by SIGKILL") == 2
        assert f"{kind}-0 ended (killed by SIGKILL); it is started again in 0.5 s" in node.said()
        assert "started again in 1 s" in node.said()


def test_a_process_that_has_ended_for_days_is_still_started_again():
    child = Mock(failures=100_000)
    assert supervisor._put_off(child) == 30.0
    assert child.restart_at > time.monotonic()


@pytest.mark.parametrize("who", ["supervisor", "fork server"])
def test_a_process_that_cannot_be_started_is_tried_again(tmp_path, who):
    """With no room for files, as with none for memory, there is no new process for a while."""
    with NodeProcess(tmp_path, {}, node=WORKERS_ONE) as node:
        pid = node.process.pid if who == "supervisor" else node.fork_server()
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, before[1]))
        os.kill(node.workers("receiver")[0], signal.SIGKILL)
        node.wait_until(lambda: "receiver-0 cannot be started" in node.said())
        if who == "supervisor":
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        node.wait_until(lambda: len(node.workers()) == 2)
        assert len(send(node.port, [ct_object(1)])) == 1
        assert node.stop() == 0


def test_it_may_open_as_many_files_as_the_administrator_allows(tmp_path, monkeypatch):
    monkeypatch.setattr(nodes, "ATLAS_NODE", ["prlimit", "--nofile=256:4096", *ATLAS_NODE])
    with NodeProcess(tmp_path, {}, node=WORKERS_ONE) as node:
        for pid in node.workers():
            assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (4096, 4096)


def test_connections_that_wait_outlive_a_receiver(tmp_path):
    with NodeProcess(tmp_path, {}, node=WORKERS_ONE) as node:
        os.kill(node.workers("receiver")[0], signal.SIGKILL)
        time.sleep(0.1)
        assert len(send(node.port, [ct_object(1)])) == 1


def test_a_port_in_use_is_one_clear_line(tmp_path):
    node = NodeProcess(tmp_path, {})
    with socket.create_server(("127.0.0.1", node.port)):
        assert refused(node) == (
            f"atlas-node: cannot listen on 127.0.0.1:{node.port}: Address already in use; "
            "stop what uses it, or change node.host and node.port\n"
        )


def test_the_viewers_port_in_use_is_one_clear_line(tmp_path):
    port = free_port()
    node = NodeProcess(tmp_path, {}, web={"enabled": True, "port": port})
    with socket.create_server(("127.0.0.1", port)):
        said = refused(node)
    assert str(port) in said
    assert len(said.splitlines()) == 1


def test_a_second_node_on_the_spool_is_one_clear_line(tmp_path):
    with NodeProcess(tmp_path, {}) as node:
        node.config["node"]["port"] = free_port()
        node.write_config()
        assert refused(node) == (
            f"atlas-node: the spool {node.spool} is in use by another node; "
            "stop that one or set spool.path to another folder\n"
        )


def test_a_spool_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    node = NodeProcess(tmp_path, {}, spool={"path": "file/spool"})
    assert refused(node) == (
        f"atlas-node: cannot write the spool {tmp_path}/file/spool: Not a directory\n"
    )


def test_an_unknown_key_is_one_clear_line(tmp_path):
    node = NodeProcess(tmp_path, {}, spool={"pat": "spool"})
    said = refused(node)
    assert len(said.splitlines()) == 1
    assert str(node.config_path) in said
    assert "pat" in said


def test_what_a_worker_cannot_use_is_one_clear_line(tmp_path):
    tls = {"certificate": "nowhere.crt", "key": "nowhere.key"}
    said = refused(NodeProcess(tmp_path, {}, node={"tls": tls}))
    assert said.startswith(f"atlas-node: tls: cannot use {tmp_path}/nowhere.crt: ")
    assert len(said.splitlines()) == 1


def order(node: NodeProcess, *arguments: str) -> str:
    """Run ``atlas-node queue`` beside the node and return what it printed.

    A delivery that is being sent at the moment is refused, so that the user orders it again.
    """
    give_up = time.monotonic() + LONG
    while True:
        done = subprocess.run(
            [*ATLAS_NODE, "queue", *arguments, "-c", str(node.config_path)],
            capture_output=True, text=True, timeout=2 * LONG, check=False,
        )  # fmt: skip
        if "being sent at this moment" not in done.stderr or time.monotonic() > give_up:
            assert done.returncode == 0, done.stderr
            return done.stdout


def test_what_no_route_matched_is_routed_again_by_order(tmp_path):
    with Pacs() as pacs, NodeProcess(tmp_path, {"pacs": pacs.port}, routes=[]) as node:
        answered = send(node.port, [ct_object(number) for number in range(4)])
        node.wait_until(lambda: len(node.queue()) == 4)
        assert {row["destination"] for row in node.queue()} == {"(no route)"}
        node.config["routes"] = [{"to": ["pacs"]}]
        node.write_config()
        node.signal(signal.SIGHUP)
        node.wait_until(lambda: node.said().count("configuration read again") == 4)
        assert order(node, "retry", "--all", "--yes") == "4 deliveries tried again\n"
        assert pacs.wait_for(answered)
        node.wait_until(lambda: not node.spooled())


def test_what_waits_is_dropped_by_order(tmp_path):
    with NodeProcess(tmp_path, {"pacs": free_port()}) as node:
        answered = send(node.port, [ct_object(number) for number in range(4)])
        node.wait_until(lambda: len(node.queue()) == 4)
        first = next(it for it in node.queue() if it["sop_instance_uid"] == answered[0])
        assert order(node, "drop", first["object_id"]) == "1 delivery dropped\n"
        node.wait_until(lambda: len(node.queue()) == 3)
        order(node, "drop", "--destination", "pacs", "-y")
        node.wait_until(lambda: not node.spooled())
        assert node.stop() == 0
