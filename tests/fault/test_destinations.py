"""Destinations that fail in every way: what each of them missed reaches it when it is well again.

One node has all of them at once and sends every object to each, so the one that is well shows
that none holds up another.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fault.destination import Answer, Arrival, Destination, Late, Misdeed
from tests.fault.ledger import Ledger, Sample, Scanners, sample
from tests.fault.nodes import NodeProcess, seeds

OBJECTS = 60
RETRY = {"first_delay": 0.1, "max_delay": 0.5, "max_tries": 4}
ANSWER_WITHIN = 3.0


def first_time(reaction: Callable[[], Answer], share: float, chance: random.Random):
    """React so to a share of the objects, and only the first time that each of them comes."""
    met: set[str] = set()

    def answer(arrival: Arrival) -> Answer:
        if arrival.uid in met or chance.random() > share:
            return 0x0000
        met.add(arrival.uid)
        return reaction()

    return answer


def breaks_off(chance: random.Random):
    """End the association in the middle of some objects, the first time that each comes."""
    met: set[str] = set()

    def during(arrival: Arrival) -> Misdeed | None:
        if arrival.uid in met or chance.random() > 0.1:
            return None
        met.add(arrival.uid)
        return chance.choice((Misdeed.ABORT, Misdeed.CLOSE, Misdeed.RESET))

    return during


AILMENTS = {
    "well": "well, beside seven that are not",
    "down": "down, and later up",
    "rejecting": "rejects associations, and later takes them",
    "breaking": "ends the association in the middle of objects",
    "ending": "ends the association in place of an answer",
    "full": "answers out of resources",
    "late": "answers after the timeout",
    "warning": "answers with warnings",
}


class Hospital:
    """Destinations by what is wrong with them, each with its own judge's view of one ledger."""

    def __init__(self, chance: random.Random) -> None:
        self.all = {name: Destination() for name in AILMENTS}
        self.all["rejecting"].rejects = True
        self.all["breaking"].during = breaks_off(chance)
        misdeeds = (Misdeed.ABORT, Misdeed.CLOSE, Misdeed.RESET)
        self.all["ending"].answer = first_time(lambda: chance.choice(misdeeds), 0.15, chance)
        self.all["full"].answer = first_time(lambda: 0xA700, 0.3, chance)
        late = first_time(lambda: Late(2 * ANSWER_WITHIN), 0.04, chance)
        self.all["late"].answer = late
        self.all["warning"].answer = lambda arrival: chance.choice((0, 0xB000, 0xB006, 0xB007))

    def open(self) -> None:
        for name, destination in self.all.items():
            if name != "down":
                destination.start()

    def heal(self) -> None:
        self.all["down"].start()
        self.all["rejecting"].rejects = False


def impatient_node(folder: Path, ports: dict[str, int], **sections: object) -> NodeProcess:
    """A node that tries again soon, and gives up soon."""
    node = NodeProcess(folder, ports, **sections)
    for destination in node.config["destinations"]:
        destination["retry"] = RETRY
    node.write_config()
    return node


@pytest.fixture
def hospital(request) -> Iterator[Hospital]:
    one = Hospital(random.Random(request.node.callspec.params["seed"]))
    one.open()
    yield one
    for destination in one.all.values():
        destination.stop()


@pytest.mark.parametrize("seed", seeds())
def test_each_destination_gets_everything_whatever_befell_it(seed, hospital, tmp_path):
    ports = {name: destination.port for name, destination in hospital.all.items()}
    timeouts = {"dimse": ANSWER_WITHIN, "drain": 5}
    chance, ledger = random.Random(seed), Ledger()
    objects = [sample(n, chance.choice((2048, 300_000)), series=n % 5) for n in range(OBJECTS)]
    with impatient_node(tmp_path, ports, node={"timeouts": timeouts}) as node:
        with Scanners(node.port, ledger, (objects[0::2], objects[1::2])):
            pass
        assert ledger.answered == OBJECTS
        # Nothing of what ails the others holds it up: it has all while they have not.
        assert hospital.all["well"].wait(lambda it: it.stored() == OBJECTS)
        assert not hospital.all["down"].objects
        assert not hospital.all["rejecting"].objects
        hospital.heal()
        for name, destination in hospital.all.items():
            print(f"{name}: ", end="")
            tally = ledger.settle(node, destination, name, fault=f"destination {AILMENTS[name]}")
            assert tally.dead == 0
        assert hospital.all["well"].stored() == OBJECTS
        node.wait_until(lambda: not node.spooled())


def series_of(objects: list[Sample]) -> dict[str, int]:
    return {one.uid: number % 3 for number, one in enumerate(objects)}


@pytest.mark.parametrize("seed", seeds())
def test_a_series_arrives_in_its_order_although_some_objects_fail_at_first(seed, tmp_path):
    chance, ledger = random.Random(seed), Ledger("destination fails at first, by series")
    objects = [sample(n, series=n % 3) for n in range(OBJECTS)]
    with Destination() as pacs:
        pacs.answer = first_time(lambda: chance.choice((0xA700, 0x0110)), 0.2, chance)
        with NodeProcess(tmp_path, {"pacs": pacs.port}, node={"workers": 1}) as node:
            ledger.scan(node.port, objects)
            tally = ledger.settle(node, pacs)
    assert tally.delivered == OBJECTS
    arrived = defaultdict(list)
    series = series_of(objects)
    for uid in pacs.arrived:
        arrived[series[uid]].append(uid)
    for number in range(3):
        assert arrived[number] == [it.uid for it in objects[number::3]]


def test_what_is_refused_for_good_is_dead_with_the_reason_and_holds_up_nothing(tmp_path):
    ledger = Ledger("destination refuses some objects for good")
    objects = [sample(n, series=n % 5) for n in range(OBJECTS)]
    bad = {one.uid for one in objects[::10]}  # all of one series
    with Destination() as pacs, Destination() as choosy:
        pacs.answer = lambda arrival: 0xA900 if arrival.uid in bad else 0x0000
        choosy.refuses = True
        with impatient_node(tmp_path, {"pacs": pacs.port, "choosy": choosy.port}) as node:
            ledger.scan(node.port, objects)
            tally = ledger.settle(node, pacs)
            assert (tally.delivered, tally.dead) == (OBJECTS - len(bad), len(bad))
            node.wait_until(lambda: len(node.dead("choosy")) == OBJECTS)
            dead = [it for it in node.queue() if it["status"] == "dead"]
    for number in range(5):
        good = [one.uid for one in objects[number::5] if one.uid not in bad]
        assert [uid for uid in pacs.arrived if uid in good] == good
    reasons = {(it["destination"], it["detail"]) for it in dead}
    assert {name for name, _ in reasons} == {"pacs", "choosy"}
    assert all("0xA900" in said for name, said in reasons if name == "pacs")


def test_one_object_over_which_a_destination_breaks_holds_up_its_own_series_alone(tmp_path):
    """The first that arrives is the one that is bad, and it is not due again in this test."""
    ledger = Ledger("destination breaks over one object, and later takes it")
    objects = [sample(n, series=n % 4) for n in range(40)]
    bad, its_series = objects[0].uid, [one.uid for one in objects[0::4]]
    misdeeds = {misdeed.value: misdeed for misdeed in Misdeed}
    timeouts = {"dimse": 3, "network": 3, "drain": 5}
    with ExitStack() as stack:
        broken = {name: stack.enter_context(Destination()) for name in misdeeds}
        for name, pacs in broken.items():
            pacs.during = lambda it, misdeed=misdeeds[name]: misdeed if it.uid == bad else None
        ports = {name: pacs.port for name, pacs in broken.items()}
        node = NodeProcess(tmp_path, ports, node={"workers": 1, "timeouts": timeouts})
        for destination in node.config["destinations"]:
            destination["retry"] = {"first_delay": 600, "max_delay": 600}
        node.write_config()
        stack.enter_context(node)
        ledger.scan(node.port, objects)
        for pacs in broken.values():
            assert pacs.wait(lambda it: it.stored() == len(objects) - len(its_series))
            assert not pacs.objects.keys() & its_series
        failed = [it for it in node.queue() if it["status"] == "failed"]
        assert {it["destination"]: it["sop_instance_uid"] for it in failed} == dict.fromkeys(
            misdeeds, bad
        )
        for pacs in broken.values():
            pacs.during = lambda arrival: None
        node.stop()
        node.start()  # what is left is due at once then
        for name, pacs in broken.items():
            assert ledger.settle(node, pacs, name).delivered == len(objects)
            assert [uid for uid in pacs.arrived if uid in its_series] == its_series


def test_a_destination_that_never_answers_takes_only_its_own_objects(tmp_path):
    ledger = Ledger("destination never answers, and later does")
    objects = [sample(n) for n in range(30)]
    with ExitStack() as stack:
        pacs, silent = (stack.enter_context(Destination()) for _ in range(2))
        healed = threading.Event()
        silent.during = lambda arrival: None if healed.is_set() else Misdeed.SILENCE
        ports = {"pacs": pacs.port, "silent": silent.port}
        timeouts = {"dimse": 3, "network": 3}
        node = stack.enter_context(NodeProcess(tmp_path, ports, node={"timeouts": timeouts}))
        ledger.scan(node.port, objects)
        beside = "destination beside one that never answers"
        assert ledger.settle(node, pacs, fault=beside).delivered == len(objects)
        assert not silent.objects
        healed.set()
        assert ledger.settle(node, silent, "silent").lost == 0
