"""Real processes on documents that take all memory, and processes that die."""

import multiprocessing
import signal

import pytest

from atlas_scraper.dispatch import Limits, dispatch
from atlas_scraper.documents import Document
from atlas_scraper.state import rows_of
from atlas_scraper.worker import Task, read
from tests.unit.scraper import bombs

ROWS = [("Name", "Tag", "VR", "VM"), ("Gain", "(0019,1001)", "DS", "1")]


@pytest.fixture
def task(tmp_path):
    def of(path):
        return Task(Document(path, path.name), tmp_path / f"{path.stem}.jsonl")

    return of


@pytest.fixture
def good(statement):
    return statement().heading("Private Group TEST_GAIN_01").table(ROWS).save()


def run(tasks, jobs=1, limits=Limits(), watch=lambda task, turned: None):  # noqa: B008
    return {task.document.source: tally for task, tally in dispatch(tasks, jobs, limits, watch)}


def test_a_document_that_takes_all_memory_costs_itself_alone(tmp_path, task, good):
    large = bombs.large(tmp_path / "large.pdf", mebibytes=400)
    tallies = run([task(large), task(good)], limits=Limits(memory=400))
    assert "memory" in tallies["large.pdf"].error
    assert (tallies[good.name].error, tallies[good.name].elements) == (None, 1)
    assert multiprocessing.active_children() == []


def test_a_worker_that_is_killed_costs_its_document_and_keeps_what_it_had(
    tmp_path, task, good, statement
):
    long = statement()
    for number in range(40):
        long.table([*ROWS[:1], (f"Gain {number}", f"(0019,10{number:02x})", "DS", "1")])
        long.page_break()
    doomed = task(long.save())
    killed = []

    def kill(task, turned):
        if task == doomed and not killed and turned.page > 2:
            killed.extend(multiprocessing.active_children())
            killed[0].kill()

    tallies = run([doomed, task(good)], watch=kill)
    error = tallies[doomed.document.source].error
    assert error.startswith(f"its process died of {signal.SIGKILL.name}; out of memory?, on a page")
    assert error.endswith("of 40")
    assert any(kind == "element" for kind, _ in rows_of(doomed.place))
    assert tallies[good.name].elements == 1


def test_a_fault_of_ours_is_reported_as_one(monkeypatch, tmp_path, task, good):
    def scrape(path, turned):
        raise KeyError("column")
        yield

    monkeypatch.setattr("atlas_scraper.worker.scrape", scrape)
    tally = read(task(good), lambda turned: None, 100)
    assert tally.error == "cannot be read, a fault of atlas-scrape: KeyError 'column'"


def test_no_documents():
    assert run([]) == {}
