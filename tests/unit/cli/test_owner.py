import errno
import os
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from atlas_node.cli.owner import act_as_owner
from atlas_node.errors import SpoolError


class Spool:
    """A folder of some user, or none."""

    def __init__(self, uid=None):
        self._uid = uid

    def exists(self):
        return self._uid is not None

    def stat(self):
        return SimpleNamespace(st_uid=self._uid, st_gid=1000)


@pytest.fixture
def became(monkeypatch):
    """What we have become, the group first: who is no longer root cannot change it."""
    done = []
    monkeypatch.setattr(os, "setegid", lambda gid: done.append(("group", gid)))
    monkeypatch.setattr(os, "seteuid", lambda uid: done.append(("user", uid)))
    return done


@pytest.mark.parametrize(
    ("we_are", "spool", "expected"),
    [
        (0, Spool(uid=998), [("group", 1000), ("user", 998)]),
        (0, Spool(uid=0), []),
        (0, Spool(), []),
        (998, Spool(uid=998), []),
        (1001, Spool(uid=998), []),
    ],
)
def test_root_goes_on_as_the_user_whose_spool_it_is(monkeypatch, became, we_are, spool, expected):
    monkeypatch.setattr(os, "geteuid", lambda: we_are)
    act_as_owner(spool)
    assert became == expected


def test_root_that_may_not_become_the_user_is_told_to_be_that_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    refused = PermissionError(errno.EPERM, "Operation not permitted")
    monkeypatch.setattr(os, "setegid", Mock(side_effect=refused))
    with pytest.raises(SpoolError, match=r"cannot become user 998.*Operation not permitted"):
        act_as_owner(Spool(uid=998))
