"""A node as a real process, in a process group of its own so that it can be killed as a whole."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from atlas_node.log import LogFilter, LogStore
from atlas_node.model import DeliveryStatus
from atlas_node.spool import read_queue
from tests.ports import free_port
from tests.waiting import LONG, wait_until

ATLAS_NODE = [sys.executable, "-c", "from atlas_node.cli import main; main()"]
KINDS = ("receiver", "forwarder", "commitment")
SEEDS = int(os.environ.get("ATLAS_FAULT_SEEDS", "1"))


def seeds(fewest: int = 1) -> range:
    """Seeds of a fault test: as many as ATLAS_FAULT_SEEDS says, but not less than `fewest`."""
    return range(max(fewest, SEEDS))


class NodeProcess:
    """``atlas-node serve`` over a folder of its own."""

    def __init__(self, folder: Path, destinations: dict[str, int], **sections: object) -> None:
        self.folder = folder
        self.port = free_port()
        self.config_path = folder / "config.yaml"
        self.spool = folder / "spool"
        self.config = {
            "node": {"port": self.port, "workers": 2, "timeouts": {"drain": 5}},
            "spool": {"path": "spool", "limits": {"min_free_bytes": 1}},
            "log": {"url": "sqlite:///log.db"},
            "web": {"enabled": False},
            "destinations": [
                {
                    "name": name,
                    "ae_title": name.upper(),
                    "host": "127.0.0.1",
                    "port": port,
                    "retry": {"first_delay": 0.2, "max_delay": 1.0},
                }
                for name, port in destinations.items()
            ],
            "routes": [{"to": list(destinations)}] if destinations else [{"to": ["log"]}],
        }
        for name, section in sections.items():
            if isinstance(section, dict):
                self.config.setdefault(name, {}).update(section)
            else:
                self.config[name] = section
        self.write_config()
        self.output = folder / "node.log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> NodeProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def write_config(self) -> None:
        self.config_path.write_text(yaml.safe_dump(self.config))

    def start(self) -> None:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [*ATLAS_NODE, "serve", "-c", str(self.config_path)],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        ready = self.said().count("atlas-node: ready") + 1
        self.wait_until(lambda: self.said().count("atlas-node: ready") >= ready)

    def said(self) -> str:
        return self.output.read_text()

    def wait_until(self, done, timeout: float = LONG) -> None:
        give_up = time.monotonic() + timeout
        while not done():
            assert self.process is not None
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < give_up, self.said()
            time.sleep(0.02)

    def workers(self, kind: str = "") -> list[int]:
        """Process identifiers of the workers whose name begins with `kind`.

        They are children of the fork server, which is one of the first process.
        """
        assert self.process is not None
        table = _processes()
        helpers = {pid for pid, (parent, _) in table.items() if parent == self.process.pid}
        return sorted(
            pid
            for pid, (parent, name) in table.items()
            if parent in helpers and name.startswith(kind or KINDS)
        )

    def kill_worker(self, kind: str, chance: random.Random | None = None) -> None:
        """``kill -9`` one worker of the kind, and wait until another process is in its place.

        The killed one stays in the table of processes until its parent has reaped it: to count the
        workers would not tell that it is gone.
        """
        before = self.workers(kind)
        os.kill((chance or random.Random(0)).choice(before), signal.SIGKILL)

        def replaced() -> bool:
            now = self.workers(kind)
            return len(now) == len(before) and now != before

        self.wait_until(replaced)

    def helpers(self) -> list[int]:
        """Process identifiers of the fork server and of multiprocessing's resource tracker."""
        assert self.process is not None
        return sorted(
            pid for pid, (parent, _) in _processes().items() if parent == self.process.pid
        )

    def fork_server(self) -> int:
        """Process identifier of the fork server; identifiers do not always grow."""
        return next(
            pid
            for pid in self.helpers()
            if b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )

    def processes(self) -> list[int]:
        """Process identifiers of all processes of the node."""
        assert self.process is not None
        return [self.process.pid, *self.helpers(), *self.workers()]

    def own_memory(self, kind: str = "") -> int:
        """Bytes that the processes have in memory, without what they map from files.

        What a process shares with the fork server since its fork is counted in both. With a
        `kind`, only of the workers whose name begins so.
        """
        processes = self.workers(kind) if kind else self.processes()
        return sum(_status(pid, "RssAnon") for pid in processes)

    def open_files(self) -> int:
        """File descriptors that the processes have open."""
        count = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                count += sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return count

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """Have the node drain and end; return its exit status."""
        self.signal(signal.SIGTERM)
        assert self.process is not None
        return self.process.wait(LONG)

    def kill(self) -> None:
        """Kill every process of the node at once, as a power switch would."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(LONG)
            # The others hold the port and the spool until they have ended, too.
            wait_until(lambda: not _living(self.process.pid))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ``atlas-node`` with the configuration of the node."""
        return subprocess.run(
            [*ATLAS_NODE, *arguments, "-c", str(self.config_path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * LONG,
        )

    def queue(self) -> list[dict[str, str]]:
        """What ``atlas-node queue list`` shows of each delivery."""
        return [
            {
                "object_id": queued.entry.object_id,
                "sop_instance_uid": queued.entry.envelope.sop_instance_uid,
                "destination": record.destination,
                "status": record.status,
                "detail": record.detail,
            }
            for queued in read_queue(self.spool)
            for record in queued.deliveries.values()
        ]

    def dead(self, destination: str) -> dict[str, str]:
        """Why each dead delivery to a destination is dead, by SOP Instance UID."""
        return {
            queued.entry.envelope.sop_instance_uid: record.detail
            for queued in read_queue(self.spool)
            for record in queued.deliveries.values()
            if record.destination == destination and record.status is DeliveryStatus.DEAD
        }

    def logged(self) -> int:
        """How many objects the log has."""
        url = str(self.config["log"]["url"]).replace("///log.db", f"///{self.folder}/log.db")
        log = LogStore.open(url, read_only=True)
        try:
            return log.totals(LogFilter()).objects
        finally:
            log.close()

    def left_in_spool(self, timeout: float = LONG) -> list[str]:
        """Names of the files of objects that are in the spool still after a while; none: []."""
        give_up = time.monotonic() + timeout
        while (left := self.spooled()) and time.monotonic() < give_up:
            time.sleep(0.02)
        return sorted(it.name for it in left)

    def spooled(self) -> list[Path]:
        """Files of objects in the spool."""
        return [it for it in self.spool.rglob("*") if it.suffix in (".dcm", ".job")]


def _processes() -> dict[int, tuple[int, str]]:
    """Parent and name of every process."""
    return {pid: (int(rest[1]), name) for pid, name, rest in _table()}


def _living(group: int) -> list[int]:
    """Process identifiers of a process group, without those that have ended."""
    return [pid for pid, _, rest in _table() if int(rest[2]) == group and rest[0] not in "ZX"]


def _table() -> Iterator[tuple[int, str, list[str]]]:
    """Yield identifier, name and what follows it (state, parent, group ...) of every process."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            yield int(stat.parent.name), name, rest.split()


def _status(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(name + ":"))
