"""What receivers and forwarders have in common."""

import os
import threading
from multiprocessing import Pipe

import pytest

from atlas_node.config import Config
from atlas_node.node.child import Order, end_on_fault, obey
from tests.waiting import LONG


@pytest.mark.parametrize(
    ("thread", "ended"),
    [
        ("courier-pacs", [1]),
        ("recorder", [1]),
        ("scp", [1]),
        ("listener", [1]),
        ("Thread-7", []),
        ("AcceptorThread@1", []),
    ],
)
def test_a_fault_in_a_thread_of_ours_ends_the_process(monkeypatch, caplog, thread, ended):
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(threading, "excepthook", end_on_fault)

    def fail() -> None:
        raise RuntimeError("a fault")

    failing = threading.Thread(target=fail, name=thread)
    failing.start()
    failing.join()
    assert codes == ended
    assert "a fault" in caplog.text


class Part:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.hurried = threading.Event()

    def start(self) -> None:
        self.told.append("start")

    def reload(self, config) -> None:
        self.told.append(f"take {config.node.ae_title}")

    def stop(self, hurry: threading.Event) -> None:
        self.told.append("stop")
        if hurry.wait(LONG):
            self.told.append("hurry")


def obeyed(*orders: Order | Config) -> list[str]:
    ours, theirs = Pipe()
    for order in orders:
        ours.send(order)
    part = Part()
    obey(part, theirs)
    return part.told


def test_orders_are_carried_out_one_after_the_other():
    orders = Order.BEGIN, Config(node={"ae_title": "NEXT"}), Order.STOP, Order.HURRY
    assert obeyed(*orders) == ["start", "take NEXT", "stop", "hurry"]


def test_what_is_stopped_before_it_began_does_nothing():
    assert obeyed(Order.STOP) == []


def test_without_a_supervisor_it_ends(monkeypatch):
    ours, theirs = Pipe()
    ours.send(Order.BEGIN)
    ours.close()
    codes: list[int] = []

    def exit_(code: int) -> None:
        codes.append(code)
        raise SystemExit

    monkeypatch.setattr(os, "_exit", exit_)
    with pytest.raises(SystemExit):
        obey(Part(), theirs)
    assert codes == [1]
