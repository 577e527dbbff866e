"""What receivers and forwarders have in common."""

import os
import threading

import pytest

from atlas_node.node.child import end_on_fault


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
