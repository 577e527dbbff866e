"""A receiver and a forwarder in this process, without the supervisor."""

import contextlib
import gc
import socket
import ssl
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from atlas_dictionary import DictionaryError
from atlas_node.config import Config, IndexKey, Retry, Route, Tls
from atlas_node.dimse import Courier, listen
from atlas_node.errors import AtlasError, LogError, SpoolError
from atlas_node.log import LogFilter, LogStore
from atlas_node.node.forwarder import ForwarderPart
from atlas_node.node.receiver import ReceiverPart
from atlas_node.query import AttributeIndex, Level
from atlas_node.route.indexing import indexed_keys
from atlas_node.spool import Doorbell, Occupancy, read_queue
from tests.certificates import certificate
from tests.fault.pacs import Pacs, ct_object, send
from tests.ports import free_port
from tests.waiting import LONG, wait_until


def configuration(folder, pacs_port=None, **sections):
    destinations = [
        {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": pacs_port,
         "retry": {"first_delay": 0.05, "max_delay": 0.1}},
    ] if pacs_port else []  # fmt: skip
    return Config.model_validate(
        {
            "node": {"port": free_port(), "timeouts": {"drain": LONG}},
            "spool": {"path": folder / "spool", "limits": {"min_free_bytes": 1}},
            "log": {"url": f"sqlite:///{folder}/log.db"},
            "destinations": destinations,
            "routes": [{"to": [it["name"] for it in destinations] or ["log"]}],
            "web": {"enabled": False},
        }
        | sections
    )


class Worker:
    """Both parts of a worker, with what lies between them."""

    def __init__(self, config):
        self.listener = listen(config.node)
        self.shared = Occupancy(1), Doorbell()
        self.parts = []
        try:
            self.parts.append(ForwarderPart(0, config, *self.shared))
            self.parts.append(ReceiverPart(0, config, *self.shared, self.listener))
        except BaseException:
            self.listener.close()
            raise
        for part in self.parts:
            part.start()

    def reload(self, config):
        for part in self.parts:
            part.reload(config)

    def stop(self, hurry=None):
        for part in reversed(self.parts):
            part.stop(hurry or threading.Event())
        self.listener.close()
        for it in self.shared:
            it.close()


@pytest.fixture
def run(tmp_path):
    running = []

    def start(config):
        running.append(Worker(config))
        return running[-1]

    yield start
    for worker in running:
        worker.stop()


def test_what_comes_in_goes_out_and_into_the_log(run, tmp_path):
    with Pacs() as pacs:
        config = configuration(tmp_path, pacs.port)
        run(config)
        ds = ct_object(1)
        assert send(config.node.port, [ds]) == [ds.SOPInstanceUID]
        assert pacs.wait_for([ds.SOPInstanceUID])
    wait_until(lambda: not list(read_queue(config.spool.path)))
    store = LogStore.open(config.log.url)
    [logged] = store.objects(LogFilter(), 10)
    assert logged.object.identity.sop_instance_uid == ds.SOPInstanceUID
    store.close()


def test_another_configuration_counts_from_the_next_object(run, tmp_path, caplog):
    with Pacs() as first, Pacs() as second:
        config = configuration(tmp_path, first.port)
        worker = run(config)
        before = ct_object(1)
        send(config.node.port, [before])
        assert first.wait_for([before.SOPInstanceUID])
        moved = config.destinations[0].model_copy(update={"port": second.port})
        worker.reload(config.model_copy(update={"destinations": (moved,)}))
        after = ct_object(2)
        send(config.node.port, [after])
        assert second.wait_for([after.SOPInstanceUID])
        assert set(first.objects) == {before.SOPInstanceUID}


def with_retry(config, **retry):
    """The configuration with another `retry` of its destination."""
    destination = config.destinations[0]
    changed = destination.model_copy(update={"retry": Retry(**retry)})
    return config.model_copy(update={"destinations": (changed,)})


class SlowAtFirst(Pacs):
    """It answers for the first object when it is told to, and for all others at once."""

    def __init__(self):
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.answer = self._wait

    def _wait(self, _event):
        if not self.begun.is_set():
            self.begun.set()
            self.go_on.wait(LONG)
        return 0x0000


def test_a_changed_destination_gets_nothing_before_what_was_being_sent_to_it(run, tmp_path):
    with SlowAtFirst() as slow, Pacs() as other:
        config = configuration(tmp_path, slow.port)
        to_other = config.destinations[0].model_copy(update={"name": "other", "port": other.port})
        worker = run(config)
        objects = [ct_object(number) for number in range(6)]
        send(config.node.port, objects[:3])
        assert slow.begun.wait(LONG)
        for delay in (0.2, 0.3):
            changed = with_retry(config, first_delay=delay)
            both = changed.model_copy(
                update={
                    "destinations": (*changed.destinations, to_other),
                    "routes": (Route(to=("pacs", "other")),),
                }
            )
            at = time.monotonic()
            worker.reload(both)
            assert time.monotonic() - at < LONG / 2
        send(config.node.port, objects[3:])
        assert other.wait_for([it.SOPInstanceUID for it in objects[3:]])
        assert slow.arrived == []
        slow.go_on.set()
        assert slow.wait_for([it.SOPInstanceUID for it in objects])
        assert slow.arrived == [it.SOPInstanceUID for it in objects]


def test_a_destination_that_was_away_gets_nothing_before_what_was_being_sent_to_it(run, tmp_path):
    with SlowAtFirst() as slow:
        config = configuration(tmp_path, slow.port)
        worker = run(config)
        objects = [ct_object(number) for number in range(3)]
        send(config.node.port, objects)
        assert slow.begun.wait(LONG)
        worker.reload(configuration(tmp_path))
        worker.reload(config)
        time.sleep(0.3)
        assert slow.arrived == []
        slow.go_on.set()
        assert slow.wait_for([it.SOPInstanceUID for it in objects])
        assert slow.arrived == [it.SOPInstanceUID for it in objects]


def test_a_reload_leaves_no_connection_with_the_database_open(run, tmp_path):
    archive = {"name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": free_port()}
    key = {"creator": "SIEMENS MR HEADER", "group": "0019", "element": "xx0c"}
    config = configuration(tmp_path, upstreams=[archive], query={"index": [key]})
    worker = run(config)
    gc.disable()
    try:
        worker.reload(config)
        before = open_files(tmp_path / "log.db")
        for _ in range(3):
            worker.reload(config)
        assert open_files(tmp_path / "log.db") <= before
    finally:
        gc.enable()


def open_files(path):
    """How many descriptors of this process are of a file."""
    found = 0
    for it in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += it.readlink() == path
    return found


def test_a_series_that_waits_for_its_object_waits_for_it_over_a_reload(run, tmp_path):
    with Pacs() as pacs:
        config = with_retry(configuration(tmp_path, pacs.port), first_delay=600, max_delay=600)
        first, second, of_another = ct_object(1), ct_object(2), ct_object(3, study="1.2.4")
        full = {first.SOPInstanceUID}
        pacs.answer = lambda event: (
            0xA700 if event.request.AffectedSOPInstanceUID in full else 0x0000
        )
        worker = run(config)
        send(config.node.port, [first, of_another])
        assert pacs.wait_for([of_another.SOPInstanceUID])
        worker.reload(with_retry(config, first_delay=600, max_delay=601))
        later = ct_object(4, study="1.2.5")
        send(config.node.port, [second, later])
        assert pacs.wait_for([later.SOPInstanceUID])
        assert pacs.arrived == [of_another.SOPInstanceUID, later.SOPInstanceUID]


def tls_of(paths, ca, **more):
    return Tls(certificate=paths[0], key=paths[1], ca=ca[0], **more).model_dump()


def renew(paths, by):
    """Put another certificate and its key into the files of one."""
    for path, other in zip(paths, by, strict=True):
        path.write_bytes(other.read_bytes())


def test_a_renewed_certificate_is_shown_to_a_destination_after_a_reload(run, tmp_path):
    archive, expired, renewed = (
        certificate(tmp_path, name) for name in ("archive", "expired", "renewed")
    )
    (tmp_path / "archive").mkdir()
    there = {"port": free_port(), "tls": tls_of(archive, ca=renewed)}
    run(configuration(tmp_path / "archive", node=there))
    config = configuration(tmp_path, there["port"])
    with_tls = config.destinations[0].model_copy(update={"tls": Tls(**tls_of(expired, archive))})
    config = config.model_copy(update={"destinations": (with_tls,)})
    worker = run(config)
    ds = ct_object(1)
    send(config.node.port, [ds])
    time.sleep(0.3)
    assert list(read_queue(config.spool.path))
    renew(expired, by=renewed)
    worker.reload(config)
    give_up = time.monotonic() + 10
    while list(read_queue(config.spool.path)):
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_a_renewed_certificate_is_shown_to_scanners_after_a_reload(run, tmp_path):
    ours, renewed = certificate(tmp_path, "ours"), certificate(tmp_path, "renewed")
    node = {"port": free_port(), "tls": tls_of(ours, ours, verify_peer=False)}
    worker = run(config := configuration(tmp_path, node=node))

    def shown():
        return ssl.get_server_certificate(("127.0.0.1", config.node.port), timeout=10)

    before = shown()
    renew(ours, by=renewed)
    worker.reload(config)
    after = shown()
    ours[1].write_text("no key")
    with pytest.raises(AtlasError, match=r"ours\.key"):
        worker.reload(config)
    assert before != after == shown() == renewed[0].read_text()


def test_certificate_and_index_are_taken_together_or_not_at_all(run, tmp_path, monkeypatch):
    ours, renewed = certificate(tmp_path, "ours"), certificate(tmp_path, "renewed")
    node = {"port": free_port(), "tls": tls_of(ours, ours, verify_peer=False)}
    archive = {"name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": free_port()}
    worker = run(config := configuration(tmp_path, node=node, upstreams=[archive]))
    _, receiver = worker.parts
    it = IndexKey(creator="ACME", group="0011", element="xx01")
    queries = config.query.model_copy(update={"index": (it,)})
    config = config.model_copy(update={"query": queries})
    before = ours[0].read_text()
    renew(ours, by=renewed)
    opened, closed = Mock(side_effect=LogError("no room")), Mock()
    monkeypatch.setattr(AttributeIndex, "__init__", opened)
    monkeypatch.setattr(AttributeIndex, "close", closed)
    with pytest.raises(LogError):
        receiver.reload(config)
    shown = ssl.get_server_certificate(("127.0.0.1", config.node.port), timeout=LONG)
    assert shown == before
    opened.side_effect, opened.return_value = None, None
    ours[1].write_text("no key")
    with pytest.raises(AtlasError, match=r"ours\.key"):
        receiver.reload(config)
    assert (opened.call_count, closed.call_count) == (2, 1)


def test_a_key_of_the_index_counts_from_the_next_object(run, tmp_path):
    with Pacs() as pacs:
        config = configuration(tmp_path, pacs.port)
        worker = run(config)
        it = IndexKey(creator="ACME", group="0011", element="xx01")
        queries = config.query.model_copy(update={"index": (it,)})
        worker.reload(config.model_copy(update={"query": queries}))
        ds = ct_object(1)
        ds.add_new(0x00110010, "LO", "ACME")
        ds.add_new(0x00111001, "IS", 1000)
        send(config.node.port, [ds])
        index = AttributeIndex(config.log.url)
        wait_until(lambda: index.knows(indexed_keys([it])[0]))
        uids = [ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID]
        [(vr, values, *_)] = index.values(indexed_keys([it]), Level.IMAGE, uids).values()
        assert (vr, values) == ("IS", ["1000"])
        index.close()


def test_a_configuration_that_cannot_be_used_changes_nothing(run, tmp_path):
    with Pacs() as pacs:
        config = configuration(tmp_path, pacs.port)
        worker = run(config)
        broken = {"dictionary": {"paths": [tmp_path / "nowhere.atd"]}, "routes": []}
        with pytest.raises(DictionaryError):
            worker.reload(configuration(tmp_path, pacs.port, **broken))
        ds = ct_object(1)
        send(config.node.port, [ds])
        assert pacs.wait_for([ds.SOPInstanceUID])


def test_a_reload_that_is_refused_leaves_nothing_open(run, tmp_path, monkeypatch):
    config = configuration(tmp_path, free_port())
    worker = run(config)
    opened, closed = Mock(), Mock()
    monkeypatch.setattr(AttributeIndex, "__init__", opened)
    monkeypatch.setattr(AttributeIndex, "close", closed)
    opened.return_value = None
    it = IndexKey(creator="ACME", group="0011", element="xx01")
    queries = config.query.model_copy(update={"index": (it,)})
    tls = Tls.model_construct(ca=tmp_path / "nowhere.pem", certificate=None, key=None)
    unusable = config.destinations[0].model_copy(update={"tls": tls})
    with pytest.raises(AtlasError, match=r"nowhere\.pem"):
        worker.reload(config.model_copy(update={"query": queries, "destinations": (unusable,)}))
    assert (opened.call_count, closed.call_count) == (1, 1)


def test_the_first_object_to_a_changed_destination_has_the_dictionary_that_came_with_it(
    run, tmp_path, monkeypatch
):
    with Pacs() as pacs:
        config = configuration(tmp_path, pacs.port)
        worker = run(config)
        at_start = []
        start = Courier.start

        def noted(courier):
            at_start.append(courier._annotator())
            start(courier)

        monkeypatch.setattr(Courier, "start", noted)
        before = worker.parts[0]._annotator
        worker.reload(with_retry(config, first_delay=0.2))
        assert at_start == [worker.parts[0]._annotator]
        assert at_start != [before]


def test_objects_for_a_destination_that_is_gone_are_said(run, tmp_path, caplog):
    config = with_retry(configuration(tmp_path, free_port()), first_delay=600, max_delay=600)
    worker = run(config)
    send(config.node.port, [ct_object(1), ct_object(2)])
    forwarder = worker.parts[0]
    wait_until(lambda: forwarder._couriers["pacs"].resting)
    wait_until(lambda: forwarder._spool.waiting() == {"pacs": 2})
    worker.reload(configuration(tmp_path))
    assert "2 objects wait for destination 'pacs', which the configuration has not" in caplog.text


def test_it_drains_what_can_be_delivered_and_leaves_the_rest(tmp_path, caplog):
    caplog.set_level("INFO")
    with Pacs() as pacs:
        config = configuration(tmp_path, pacs.port)
        worker = Worker(config)
        objects = [ct_object(number) for number in range(20)]
        answered = send(config.node.port, objects)
        worker.stop()
        assert set(pacs.objects) == set(answered)
        assert not list(read_queue(config.spool.path))
    config = configuration(tmp_path, free_port())
    worker = Worker(config)
    send(config.node.port, objects)
    begun = time.monotonic()
    worker.stop()
    assert time.monotonic() - begun < LONG / 2  # nothing could be delivered: why wait for it
    assert len(list(read_queue(config.spool.path))) == len(objects)
    assert "20 objects stay in the spool" in caplog.text


def test_a_drain_ends_when_told_to_hurry(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        timeouts = {"drain": 2 * LONG, "acse": 1.0}
        port = silent.getsockname()[1]
        config = configuration(tmp_path, port, node={"port": free_port(), "timeouts": timeouts})
        worker = Worker(config)
        send(config.node.port, [ct_object(1)])
        hurry = threading.Event()
        hurry.set()
        begun = time.monotonic()
        worker.stop(hurry)
        assert time.monotonic() - begun < LONG
    assert len(list(read_queue(config.spool.path))) == 1


@pytest.mark.parametrize(
    ("sections", "error", "line"),
    [
        ({"spool": {"path": "{folder}/file/spool"}}, SpoolError, "cannot write the spool"),
        ({"log": {"url": "sqlite:///{folder}/file/log.db"}}, LogError, "file"),
        ({"dictionary": {"paths": ["{folder}/nowhere.atd"]}}, DictionaryError, "nowhere.atd"),
    ],
)
def test_a_part_that_cannot_be_opened_is_one_clear_line(tmp_path, sections, error, line):
    (tmp_path / "file").write_text("")
    filled = {
        section: {
            key: [it.format(folder=tmp_path) for it in value]
            if isinstance(value, list)
            else value.format(folder=tmp_path)
            for key, value in settings.items()
        }
        for section, settings in sections.items()
    }
    config = configuration(tmp_path, **filled)
    with pytest.raises(error) as raised:
        Worker(config)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)
