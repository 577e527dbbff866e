"""A log with one object in it, and the viewer over it as a browser on this machine sees it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from atlas_node.config import Config, load_config
from atlas_node.log import LogStore
from atlas_node.model import (
    AnnotatedObject,
    DeliveryRecord,
    DeliveryStatus,
    ElementRecord,
    ElementStatus,
    Envelope,
    Identity,
)
from atlas_node.web import access, create_app
from atlas_node.web.attempts import Attempts


def element(path: str, **changes) -> ElementRecord:
    given = {
        "path": path, "creator": "SIEMENS MR HEADER", "key": "(0019,xx0a)", "vr_before": "UN",
        "vr": "US", "vm": "1", "name": "Number Of Images In Mosaic",
        "status": ElementStatus.DECODED, "reason": "", "value": [36], "truncated": False,
        "sources": ("pydicom", "dicom3tools"), "confidence": 0.99,
    }  # fmt: skip
    return ElementRecord(**(given | changes))


@pytest.fixture
def make_object() -> Callable[..., AnnotatedObject]:
    def make(object_id="o1", elements=None, error=None, text=None, **identity) -> AnnotatedObject:
        if elements is None:
            elements = [
                element("(0019,100a)"),
                element("(0029,1010)", vr="SQ", value=None, creator="SIEMENS CSA HEADER"),
                element(
                    "(0029,1010)[0].(0029,1011)", vr="UN", status=ElementStatus.UNKNOWN, name="",
                    reason="no entry in the dictionary", sources=(), confidence=0.0,
                    creator="SIEMENS CSA HEADER",
                ),
            ]  # fmt: skip
        if text is not None:
            elements = [element("(0019,100a)", creator=text, name=text, reason=text, value=[text])]
        said = {"patient_id": "PAT-007", "study_instance_uid": "1.2.3", "modality": "MR"}
        if text is not None:
            said = dict.fromkeys((*said, "manufacturer", "model", "software_versions"), text)
        counts = {"private": len(elements)}
        for status in ElementStatus:
            counts[status.value] = sum(e.status is status for e in elements)
        envelope = Envelope(
            1_700_000_000.0, text or "MR1", "ATLAS", "192.0.2.7", "1.2.840.10008.5.1.4.1.1.4",
            "1.2.3.4", "1.2.840.10008.1.2.1",
        )  # fmt: skip
        return AnnotatedObject(
            object_id, envelope, Identity(**(said | identity)), 531_000, True, error, counts,
            tuple(elements),
        )  # fmt: skip

    return make


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., Config]:
    def make(web: str = "{}", node: str = "{}", log: str = "") -> Config:
        path = tmp_path / "config.yaml"
        path.write_text(f"web: {web}\nnode: {node}\nlog: {{url: 'sqlite:///log.db'{log}}}\n")
        return load_config(path, {})

    return make


@pytest.fixture
def config(make_config) -> Config:
    return make_config()


@pytest.fixture(scope="session")
def empty_log(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a log without objects; to copy it takes less time than to make another."""
    path = tmp_path_factory.mktemp("empty") / "log.db"
    LogStore.open(f"sqlite:///{path}").close()
    return path.read_bytes()


@pytest.fixture
def empty_store(config: Config, empty_log: bytes, tmp_path: Path) -> Iterator[LogStore]:
    (tmp_path / "log.db").write_bytes(empty_log)
    with LogStore.open(config.log.url) as store:
        yield store


@pytest.fixture
def store(empty_store: LogStore, make_object) -> LogStore:
    sent = DeliveryRecord("pacs", DeliveryStatus.SENT, 1, 1_700_000_001.0, "0x0000 Success")
    empty_store.record([make_object()], [("o1", sent)])
    return empty_store


@pytest.fixture
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the tries of a test take, viewers that are opened after this allow no more."""
    monkeypatch.setattr(access, "Attempts", partial(Attempts, clock=lambda: 0.0))


@pytest.fixture
def browse(config: Config) -> Callable[[LogStore], TestClient]:
    def open_viewer(store: LogStore, settings: Config = config, host: str = "127.0.0.1:8080"):
        return TestClient(
            create_app(store, settings),
            base_url=f"http://{host}",
            follow_redirects=False,
            raise_server_exceptions=False,
        )

    return open_viewer
