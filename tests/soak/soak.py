"""Load without end and faults without order: nothing lost, memory and file descriptors flat.

    .venv/bin/python tests/soak/soak.py --minutes 10 [--seed 1] [--write docs/reliability.md]

Time goes in turns of some seconds. In each, scanners send over good and bad networks, to a node
with two destinations of which one fails in every way; then all is well again, everything that was
answered must arrive as annotated or be dead with its reason, and memory and descriptors of the
idle node are noted. In the first two thirds no process is killed, so a leak of any process shows.
What the forwarders remember reaches its bounds in the first of these turns; over the later half of
them memory is held against the number of objects, and must not grow with it. In the last third
workers are killed too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fault import results
from tests.fault.destination import Answer, Arrival, Destination, Late, Misdeed
from tests.fault.ledger import Ledger, Sample, sample
from tests.fault.nodes import NodeProcess
from tests.fault.results import Tally
from tests.fault.wire import Cut, Fault, Wire

TURN = 12.0
ALL = ""
KINDS = (ALL, "receiver", "forwarder")
SCANNERS = 4
FEWEST = 6
"""Turns that are needed to tell growth from chance."""

GROWTH = 200
"""Bytes of memory an object that pass for flat. Garbage that waits to be collected makes memory
go up and down by some megabytes, so a short run cannot tell less."""

DESCRIPTORS = 6
SERIES = 2
"""Objects of a series: few, so that what is remembered of series soon reaches its bounds."""

FULL = 36_000
"""Objects after which it has, and what is remembered of values as well."""

SIZES = (512, 2048, 2048, 60_000, 400_000, 1_500_000)
TIMEOUTS = {"acse": 2, "dimse": 3, "network": 3, "connect": 2, "drain": 5}
SETTLED_WITHIN = 90.0
BEGIN = "<!-- soak: made by tests/soak/soak.py --write, do not edit -->"
END = "<!-- end of soak -->"


@dataclass
class Turn:
    """What one turn came to."""

    faults: str
    tallies: list[Tally] = field(default_factory=list)
    memory: dict[str, int] = field(default_factory=dict)
    descriptors: int = 0


class Flaky(Destination):
    """A destination whose faults come and go."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self.well()

    def well(self) -> None:
        self.rejects = False
        self.answer = lambda arrival: 0x0000
        self.during = lambda arrival: None

    def fail(self, how: str) -> None:
        if how == "down":
            self.stop()
        elif how == "rejecting":
            self.rejects = True
        elif how == "breaking":
            self.during = self._break
        else:
            self.answer = self._answer

    def _break(self, arrival: Arrival) -> Misdeed | None:
        ways = (Misdeed.ABORT, Misdeed.CLOSE, Misdeed.RESET)
        return self._chance.choice(ways) if self._chance.random() < 0.05 else None

    def _answer(self, arrival: Arrival) -> Answer:
        if self._chance.random() > 0.1:
            return 0x0000
        return self._chance.choice((0xA700, 0xB000, Late(4.0), Misdeed.ABORT, Misdeed.SILENCE))


class Load:
    """Scanners that send until they are told to end; numbers of objects never repeat."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._number = 0
        self._lock = threading.Lock()

    def objects(self, ended: threading.Event, chance: random.Random) -> Iterator[Sample]:
        """Yield objects; now and then one a second time, with the same or with other bytes."""
        number = 0
        while not ended.is_set():
            if number and chance.random() < 0.05:
                version = chance.randrange(2)
            else:
                with self._lock:
                    self._number += 1
                    number, version = self._number, 0
            yield sample(number, chance.choice(SIZES), series=number // SERIES, version=version)
            time.sleep(chance.uniform(0, 0.01))

    @contextlib.contextmanager
    def running(self, ports: list[int], ledger: Ledger) -> Iterator[None]:
        """Send over each of these ports, in one association after the other."""
        ended = threading.Event()

        def scan(port: int, chance: random.Random) -> None:
            while not ended.is_set():
                ledger.scan(port, self.objects(ended, chance), timeout=10)

        threads = [
            threading.Thread(target=scan, args=(port, random.Random(self._chance.random())))
            for port in ports
        ]
        for thread in threads:
            thread.start()
        yield
        ended.set()
        for thread in threads:
            thread.join(60)
            if thread.is_alive():
                raise AssertionError("a scanner waits for its answer without end")


def faulty_wire(chance: random.Random, seconds: float) -> Fault | None:
    """Return what befalls one connection of a scanner behind a bad network."""
    if chance.random() < 0.4:
        return None
    after = chance.randrange(3_000_000)
    if chance.random() < 0.2:
        return Fault(after, None, rate=int(1_500_000 / seconds))
    return Fault(after, chance.choice([*Cut]))


def turn(
    number: int, kills: bool, node: NodeProcess, steady: Destination, flaky: Flaky, load: Load,
    chance: random.Random,
) -> Turn:  # fmt: skip
    """Load and faults for some seconds, then health, and the reckoning."""
    ledger, how = Ledger(), chance.choice(("down", "rejecting", "breaking", "answering", "well"))
    faults = [f"destination {how}"]
    flaky.fail(how)
    with Wire(node.port, lambda _: faulty_wire(chance, TURN)) as wire:
        ports = [node.port] * (SCANNERS // 2) + [wire.port] * (SCANNERS // 2)
        with load.running(ports, ledger):
            begin = time.monotonic()
            while time.monotonic() - begin < TURN:
                time.sleep(chance.uniform(1, 4))
                if kills and chance.random() < 0.5:
                    kind = chance.choice(("receiver", "forwarder"))
                    if pids := node.workers(kind):
                        os.kill(chance.choice(pids), signal.SIGKILL)
                        faults.append(f"{kind} killed")
    flaky.well()
    if how == "down":
        flaky.start()
    done = Turn(", ".join(faults))
    for name, destination in (("steady", steady), ("flaky", flaky)):
        with contextlib.redirect_stdout(None):
            done.tallies.append(ledger.settle(node, destination, name, SETTLED_WITHIN))
    # What was accepted and not answered, because a process was killed in between, comes later.
    node.wait_until(lambda: not node.spooled(), SETTLED_WITHIN)
    time.sleep(2.5)  # kept associations end
    for destination in (steady, flaky):
        destination.objects.clear()
        destination.arrived.clear()
    done.memory = {kind: node.own_memory(kind) for kind in KINDS}
    done.descriptors = node.open_files()
    worst = done.tallies[1]
    print(
        f"turn {number:3d}: {worst}; {done.memory[ALL] / 1e6:.1f} MB (receivers "
        f"{done.memory['receiver'] / 1e6:.1f}, forwarders {done.memory['forwarder'] / 1e6:.1f}), "
        f"{done.descriptors} descriptors; {done.faults}",
        flush=True,
    )
    return done


def slope(points: list[tuple[int, int]]) -> float:
    """Return by how much the second number of the points grows with the first (least squares)."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def judge(turns: list[Turn], calm: int) -> tuple[list[str], list[str]]:
    """Return what was seen over the later half of the turns without kills, and what is not flat."""
    answered = [sum(it.tallies[0].answered for it in turns[: n + 1]) for n in range(calm)]
    which = [n for n in range(calm // 2, calm) if answered[n] >= FULL]
    if len(which) < FEWEST:
        return [], [
            f"{calm} turns without kills with {answered[-1]:,} objects are too few to judge: "
            "give it more minutes"
        ]
    judged = [turns[n] for n in which]
    seen, found = [], []
    for kind in KINDS:
        points = [(answered[n], turns[n].memory[kind]) for n in which]
        growth = slope(points)
        name = f"memory, {kind}s" if kind else "memory, all"
        seen.append(
            f"{name}: {points[0][1] / 1e6:.1f} to {points[-1][1] / 1e6:.1f} MB over "
            f"{points[-1][0] - points[0][0]:,} objects, {growth:.0f} bytes an object"
        )
        if kind is ALL and growth > GROWTH:
            found.append(f"memory grows by {growth:.0f} bytes an object, allowed are {GROWTH}")
    # What one turn has left to close is no leak; what every turn leaves open makes the least grow.
    open_files = [it.descriptors for it in judged]
    first, last = min(open_files[:FEWEST]), min(open_files[-FEWEST:])
    seen.append(
        f"descriptors: at least {first} in the first {FEWEST} of these turns, {last} in the last, "
        f"at most {max(open_files)}"
    )
    if last > first + DESCRIPTORS:
        found.append("file descriptors grow")
    return seen, found


def report(command: str, turns: list[Turn], seen: list[str]) -> str:
    """Return what a soak came to, in Markdown: a row for each destination, and what was seen."""
    lines = [f"`{command}` on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, "
             f"{len(turns)} turns:", "",
             f"| destination | {' | '.join(results.COLUMNS)} |",
             "|---|" + "--:|" * len(results.COLUMNS)]  # fmt: skip
    for number, name in enumerate(("that is well", "that fails in every way")):
        sums = [sum(getattr(it.tallies[number], key) for it in turns) for key in results.COLUMNS]
        lines.append(f"| {name} | {' | '.join(f'{it:,}' for it in sums)} |")
    lines += ["", "Over the later half of the turns without kills:", ""]
    return "\n".join([*lines, *(f"- {line}" for line in seen)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--write", type=Path, help="document with the marks of this table")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    print(f"seed {options.seed}, {options.minutes:g} minutes")
    begin, whole = time.monotonic(), 60 * options.minutes
    turns: list[Turn] = []
    calm = 0
    flaky = Flaky(chance)
    with tempfile.TemporaryDirectory() as folder, Destination() as steady, flaky:
        ports = {"steady": steady.port, "flaky": flaky.port}
        with NodeProcess(Path(folder), ports, node={"timeouts": TIMEOUTS}) as node:
            for destination in node.config["destinations"]:
                destination |= {"idle_timeout": 1.0}
                destination["retry"] |= {"max_tries": 1000}
            node.write_config()
            node.kill()
            node.start()
            load = Load(chance)
            while time.monotonic() - begin < whole:
                kills = time.monotonic() - begin > whole * 2 / 3
                calm += not kills
                turns.append(turn(len(turns) + 1, kills, node, steady, flaky, load, chance))
    seen, found = judge(turns, calm)
    command = f"make soak MINUTES={options.minutes:g} SEED={options.seed}"
    said = report(command, turns, seen)
    print(said)
    for fault in found:
        print(f"soak: {fault}", file=sys.stderr)
    if options.write and not found:
        results.replace_between(options.write, BEGIN, END, said)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
