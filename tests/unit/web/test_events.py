import asyncio
import time
import urllib.request
from contextlib import aclosing

from atlas_node.errors import LogError
from atlas_node.log import LogStore
from atlas_node.web import WebServer, events
from atlas_node.web import server as server_module
from atlas_node.web.events import LogEvents
from tests.ports import free_port
from tests.waiting import LONG


async def following(stream):
    return await asyncio.wait_for(anext(stream), LONG)


def test_a_stream_begins_with_the_state_and_tells_of_each_change(store, make_object):
    async def follow():
        async with aclosing(LogEvents(store).stream()) as stream:
            first = await following(stream)
            store.record([make_object("o2")])
            return first, store.state(), await following(stream)

    before = store.state()
    first, after, second = asyncio.run(follow())

    assert first == f"event: log\ndata: {before}\n\n"
    assert second == f"event: log\ndata: {after}\n\n"
    assert before != after


def test_one_reader_asks_for_all_streams_and_none_without_them(store, make_object, monkeypatch):
    monkeypatch.setattr(events, "LOOK_EVERY", 0.01)
    asked = []
    state = LogStore.state
    monkeypatch.setattr(LogStore, "state", lambda log: asked.append(None) or state(log))

    async def follow():
        of_log = LogEvents(store)
        streams = [of_log.stream() for _ in range(20)]
        for stream in streams:
            await following(stream)
        asked.clear()
        begun = time.monotonic()
        while len(asked) < 10:
            await asyncio.sleep(0.01)
        looks = (time.monotonic() - begun) / events.LOOK_EVERY
        while_open = len(asked)
        for stream in streams:
            await stream.aclose()
        await asyncio.wait_for(of_log._reader, LONG)
        asked.clear()
        await asyncio.sleep(0.1)
        return while_open, looks, len(asked)

    while_open, looks, after = asyncio.run(follow())
    assert while_open <= looks + 1
    assert after == 0


def test_a_log_that_cannot_be_read_is_told_and_then_read_again(store, monkeypatch):
    monkeypatch.setattr(events, "LOOK_EVERY", 0.01)
    state = LogStore.state

    def fail(_log):
        raise LogError("its disk is full")

    async def follow():
        async with aclosing(LogEvents(store).stream()) as stream:
            told = [await following(stream)]
            monkeypatch.setattr(LogStore, "state", fail)
            told.append(await following(stream))
            monkeypatch.setattr(LogStore, "state", state)
            told.append(await following(stream))
            return told

    first, second, third = asyncio.run(follow())
    assert second == "event: unreadable\ndata: \n\n"
    assert third == first


def test_a_stream_says_now_and_then_that_it_stands(store, monkeypatch):
    monkeypatch.setattr(events, "_SIGN_OF_LIFE", 0.01)

    async def follow():
        async with aclosing(LogEvents(store).stream()) as stream:
            await following(stream)
            return await following(stream)

    assert asyncio.run(follow()).startswith(":")


def test_a_stream_ends_after_a_while(store, monkeypatch):
    monkeypatch.setattr(events, "_LONGEST", 0.0)

    async def follow():
        return [event async for event in LogEvents(store).stream()]

    assert asyncio.run(asyncio.wait_for(follow(), LONG)) == []


def test_too_many_streams_are_refused(store, browse, monkeypatch):
    monkeypatch.setattr(events, "MAX_STREAMS", 0)

    answer = browse(store).get("/events")

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "10"


def test_open_streams_do_not_hold_up_the_end_of_the_server(make_config, store, monkeypatch):
    monkeypatch.setattr(server_module, "_STOP_SECONDS", 2 * LONG)
    server = WebServer(make_config(web=f"{{port: {free_port()}}}"), store)
    server.start()
    with urllib.request.urlopen(f"{server.url}events", timeout=LONG) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.readline() == b"event: log\n"

        began = time.monotonic()
        server.stop()

        assert time.monotonic() - began < LONG
        assert answer.read().endswith(b"\n\n")
