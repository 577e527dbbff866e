"""A node as a real process, in a process group of its own so that it can be killed as a whole."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

from tests.fault.pacs import free_port

ATLAS_NODE = [sys.executable, "-c", "from atlas_node.cli import main; main()"]
_START = 30.0


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
        self.wait_until(lambda: self.said().count("atlas-node: ready") >= ready, _START)

    def said(self) -> str:
        return self.output.read_text()

    def wait_until(self, done, timeout: float = 20.0) -> None:
        give_up = time.monotonic() + timeout
        while not done():
            assert self.process is not None
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < give_up, self.said()
            time.sleep(0.02)

    def workers(self) -> list[int]:
        """Process identifiers of the workers."""
        assert self.process is not None
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                command = (stat.parent / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == self.process.pid and b"spawn_main" in command:
                found.append(int(stat.parent.name))
        return sorted(found)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """Have the node drain and end; return its exit status."""
        self.signal(signal.SIGTERM)
        assert self.process is not None
        return self.process.wait(30)

    def kill(self) -> None:
        """Kill every process of the node at once, as a power switch would."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def queue(self) -> list[dict]:
        """What ``atlas-node queue list --json`` prints."""
        done = subprocess.run(
            [*ATLAS_NODE, "queue", "list", "--json", "-c", str(self.config_path)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]

    def spooled(self) -> list[Path]:
        """Files of objects in the spool."""
        return [it for it in self.spool.rglob("*") if it.suffix in (".dcm", ".job")]
