"""The programs that the benches set side by side, each started over an empty folder of its own.

Every one listens on 127.0.0.1, takes PDUs of 131072 bytes and sends without Nagle's delay. Given
a destination, it sends on what it gets; `storescp` cannot. All stay in the session of the bench:
Linux shares the processor among sessions before it looks at priorities, and senders, which stand
for other machines, would have to give way to what a program does at low priority.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.peers import environment, program
from tests.ports import free_port

PDU = 131072
WORKERS = 2
_START = 30.0
_END = 30.0
PLAIN = Path(__file__).with_name("plain_pynetdicom.py")


@dataclass
class Running:
    """A program that listens.

    Attributes
    ----------
    name : str
    pid : int
        Its first process.
    port : int
    idle : callable
        Whether it has done everything that there was to do.
    """

    name: str
    pid: int
    port: int
    idle: Callable[[], bool] = field(default=lambda: True)


Program = Callable[[Path, int | None], "contextlib.AbstractContextManager[Running]"]
"""Starts over a folder, with the port of a destination or None."""


@contextmanager
def _run(name: str, command: list[str], folder: Path, port: int) -> Iterator[Running]:
    log = folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment(), process_group=0
        )
    try:
        give_up = time.monotonic() + _START
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > give_up:
                sys.exit(
                    f"{name} does not listen on port {port}: {log.read_text('utf-8', 'replace')}"
                )
            time.sleep(0.02)
        yield Running(name, process.pid, port)
    finally:
        process.terminate()
        try:
            process.wait(_END)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


@contextmanager
def atlas(
    folder: Path, destination: int | None, durability: str = "os", looks_for: str | None = None
) -> Iterator[Running]:
    """Atlas Node; without a destination every object goes into its log alone.

    With `looks_for` it also has a route that looks in every object for that private creator.
    """
    port, spool = free_port(), folder / "spool"
    routes: list[dict[str, object]] = [{"to": ["pacs" if destination else "log"]}]
    if looks_for:
        routes.append({"match": {"private_creator": looks_for}, "to": ["log"]})
    config = {
        "node": {"port": port, "workers": WORKERS},
        "spool": {"path": "spool", "durability": durability, "limits": {"min_free_bytes": 1}},
        "log": {"url": "sqlite:///log.db"},
        "web": {"enabled": False},
        "destinations": [],
        "routes": routes,
    }
    if destination:
        pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": destination}
        config["destinations"] = [pacs]
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-c", "from atlas_node.cli import main; main()"]
    with _run("Atlas Node", [*command, "serve", "-c", str(path)], folder, port) as running:
        give_up = time.monotonic() + _START
        while "ready" not in (folder / "output").read_text():
            if time.monotonic() > give_up:
                sys.exit(f"Atlas Node does not start: {(folder / 'output').read_text()}")
            time.sleep(0.02)
        running.idle = lambda: not any(it.suffix == ".job" for it in spool.rglob("*"))
        yield running


@contextmanager
def atlas_fsync(folder: Path, destination: int | None) -> Iterator[Running]:
    with atlas(folder, destination, "fsync") as running:
        running.name = "Atlas Node, fsync"
        yield running


@contextmanager
def atlas_routed(folder: Path, destination: int | None) -> Iterator[Running]:
    with atlas(folder, destination, looks_for="NOBODY*") as running:
        running.name = "Atlas Node, routed by private creator"
        yield running


@contextmanager
def storescp(folder: Path, destination: int | None = None) -> Iterator[Running]:
    """DCMTK's storescp, which writes files; one process for each association."""
    assert destination is None
    stored, port = folder / "stored", free_port()
    stored.mkdir()
    command = [program("storescp"), "-q", "--fork", "-pdu", str(PDU), "-od", str(stored), str(port)]
    with _run("DCMTK storescp", command, folder, port) as running:
        yield running


@contextmanager
def storescp_unparsed(folder: Path, destination: int | None = None) -> Iterator[Running]:
    """storescp that writes the bytes as they come, without reading the data set: its best."""
    assert destination is None
    stored, port = folder / "stored", free_port()
    stored.mkdir()
    command = [program("storescp"), "-q", "--fork", "+B", "-pdu", str(PDU)]
    with _run("DCMTK storescp +B", [*command, "-od", str(stored), str(port)], folder, port) as it:
        yield it


@contextmanager
def orthanc(folder: Path, destination: int | None) -> Iterator[Running]:
    """Orthanc with its quickest settings; a Lua script sends on what it stores."""
    port, database = free_port(), folder / "database"
    config = {
        "Name": "bench",
        "StorageDirectory": str(database),
        "IndexDirectory": str(database),
        "HttpServerEnabled": False,
        "DicomPort": port,
        "DicomAet": "ORTHANC",
        "MaximumPduLength": PDU,
        "StoreMD5ForAttachments": False,
        "SaveJobs": False,
        "ConcurrentJobs": 2,
        "JobsHistorySize": 10,
        "DicomScpTimeout": 30,
        "DicomAssociationCloseDelay": 5,
        "Plugins": [],
    }
    if destination:
        script = folder / "route.lua"
        script.write_text(
            "function OnStoredInstance(instance, tags, metadata)\n"
            "  SendToModality(instance, 'pacs')\n"
            "end\n"
        )
        config["DicomModalities"] = {"pacs": ["PACS", "127.0.0.1", destination]}
        config["LuaScripts"] = [str(script)]
    path = folder / "orthanc.json"
    path.write_text(json.dumps(config))
    command = [program("Orthanc"), str(path)]
    with _run("Orthanc", command, folder, port) as running:
        yield running


@contextmanager
def pynetdicom(folder: Path, destination: int | None) -> Iterator[Running]:
    """A plain script of pynetdicom's and pydicom's own parts."""
    port, stored = free_port(), folder / "stored"
    stored.mkdir()
    command = [sys.executable, str(PLAIN), str(port), str(stored)]
    if destination:
        command.append(f"127.0.0.1:{destination}")
    with _run("pynetdicom", command, folder, port) as running:
        yield running


class Sink:
    """The destination of every router: storescp, which writes what comes as it comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "sink"
        self._folder.mkdir()
        self._stored = self._folder / "stored"

    @contextmanager
    def running(self) -> Iterator[int]:
        """Give its port."""
        with storescp_unparsed(self._folder) as it:
            yield it.port

    def count(self) -> int:
        """Return how many objects have come."""
        return sum(1 for _ in os.scandir(self._stored))

    def empty(self) -> None:
        shutil.rmtree(self._stored)
        self._stored.mkdir()
