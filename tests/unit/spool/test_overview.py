import pytest

from atlas_node.errors import SpoolError
from atlas_node.model import DeliveryStatus
from atlas_node.spool import SpoolOverview
from atlas_node.spool import overview as spool_overview
from tests.unit.spool.test_spool import DATA, settle


def ids(look):
    return [it.entry.object_id for it in look.objects]


def test_a_spool_that_is_not_there_is_empty(tmp_path):
    look = SpoolOverview(tmp_path / "nowhere").look()
    assert (look.objects, look.complete) == ((), True)


def test_a_look_has_the_objects_in_order_and_how_they_stand(open_spool, settings, envelope, pacs):
    spool, overview = open_spool(), SpoolOverview(settings.path)
    first, second = (spool.accept(envelope, DATA, [pacs]) for _ in range(2))
    assert ids(overview.look()) == [first, second]
    settle(spool, spool.take("pacs", 0), DeliveryStatus.DEAD, detail="status 0xA900")
    [changed, _] = overview.look(again=True).objects
    assert changed.deliveries["pacs"].status is DeliveryStatus.DEAD


def test_a_journal_that_has_not_changed_is_not_read_twice(
    open_spool, settings, envelope, pacs, monkeypatch
):
    spool, overview = open_spool(), SpoolOverview(settings.path)
    for _ in range(3):
        spool.accept(envelope, DATA, [pacs])
    overview.look()
    read = []
    parsed = spool_overview._parsed
    monkeypatch.setattr(
        "atlas_node.spool.overview._parsed", lambda path: read.append(path) or parsed(path)
    )
    assert len(overview.look(again=True).objects) == 3
    assert read == []
    settle(spool, spool.take("pacs", 0), DeliveryStatus.DEAD)
    overview.look(again=True)
    assert len(read) == 1


def test_many_looks_at_once_are_one(open_spool, settings, envelope, pacs):
    spool, overview = open_spool(), SpoolOverview(settings.path)
    before = overview.look()
    spool.accept(envelope, DATA, [pacs])
    assert overview.look() is before
    assert len(overview.look(again=True).objects) == 1


def test_of_a_spool_that_is_too_full_the_oldest_are_known(open_spool, settings, envelope, pacs):
    spool, overview = open_spool(), SpoolOverview(settings.path, most=2)
    object_ids = [spool.accept(envelope, DATA, [pacs]) for _ in range(5)]
    look = overview.look()
    assert ids(look) == object_ids[:2]
    assert not look.complete


@pytest.mark.parametrize("text", ["", "{", "{}\n", '{"version": 2}\n'])
def test_what_is_no_journal_is_passed_over(open_spool, settings, envelope, pacs, text):
    spool = open_spool()
    object_id = spool.accept(envelope, DATA, [pacs])
    (settings.path / "0" / "0-1.job").write_text(text)
    assert ids(SpoolOverview(settings.path).look()) == [object_id]


def test_a_folder_that_cannot_be_read_is_said(settings):
    settings.path.mkdir()
    (settings.path / "0").symlink_to("0")
    with pytest.raises(SpoolError, match="cannot read the spool"):
        SpoolOverview(settings.path).look()
