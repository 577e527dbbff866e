import errno
import threading
import time

import pytest

from atlas_node.spool.group_commit import GroupCommit
from tests.waiting import LONG, wait_until


def together(count, commit):
    """Call `commit` in so many threads and return what each raised."""
    raised: list[BaseException | None] = []

    def run():
        try:
            commit()
        except OSError as error:
            raised.append(error)
        else:
            raised.append(None)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    return raised


class Watched:
    """A lock that counts how many have asked for it."""

    def __init__(self, lock):
        self._lock, self.asked = lock, 0

    def __enter__(self):
        self._lock.acquire()
        self.asked += 1

    def __exit__(self, *_):
        self._lock.release()


def test_those_who_wait_share_one_sync():
    first = threading.Event()
    syncs = []

    def sync():
        syncs.append(threading.get_ident())
        first.wait(LONG)

    group = GroupCommit(sync)
    group._joining = joining = Watched(group._joining)
    leader = threading.Thread(target=group.commit)
    leader.start()
    wait_until(lambda: syncs)
    joining.asked = 0
    others = threading.Thread(target=together, args=(8, group.commit))
    others.start()
    wait_until(lambda: joining.asked == 8)
    assert len(syncs) == 1
    first.set()
    leader.join(LONG)
    others.join(LONG)
    assert len(syncs) == 2


def test_a_sync_is_only_for_what_came_before_it():
    done, begun = [], []
    lock = threading.Lock()

    def sync():
        with lock:
            covered = list(done)
        time.sleep(0.001)
        begun.append(covered)

    group = GroupCommit(sync)

    def commit(number):
        with lock:
            done.append(number)
        group.commit()
        assert any(number in covered for covered in begun)

    failed = []

    def run(start):
        try:
            for number in range(start, start + 20):
                commit(number)
        except AssertionError as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(100 * it,)) for it in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert not failed
    assert len(done) == 160


def test_a_sync_that_fails_fails_for_its_group_and_for_no_later_one():
    errors = [OSError(errno.EIO, "Input/output error")]

    def sync():
        time.sleep(0.01)
        if errors:
            raise errors.pop()

    group = GroupCommit(sync)
    with pytest.raises(OSError, match="Input/output error"):
        group.commit()
    assert together(4, group.commit) == [None] * 4
