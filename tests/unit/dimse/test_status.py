import pytest

from atlas_node.dimse.status import (
    Answer,
    Verdict,
    answer,
    blames_object,
    describe,
    refusal,
    verdict,
)
from atlas_node.errors import SpoolError, SpoolFullError


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (0x0000, Verdict.STORED),
        (0xB000, Verdict.STORED),
        (0xB006, Verdict.STORED),
        (0xB007, Verdict.STORED),
        (0xA700, Verdict.LATER),
        (0xA7FF, Verdict.LATER),
        (0xA900, Verdict.REFUSED),
        (0xC000, Verdict.REFUSED),
        (0x0110, Verdict.REFUSED),
        (0x0122, Verdict.REFUSED),
        (0xFF00, Verdict.REFUSED),
        (0x7777, Verdict.REFUSED),
    ],
)
def test_what_a_destination_means(status, meaning):
    assert verdict(status) is meaning


@pytest.mark.parametrize("status", [0xA900, 0xA9FF, 0xC000, 0xCFFF, 0x0117, 0x0122])
def test_a_failure_that_is_said_of_the_object(status):
    assert blames_object(status)


@pytest.mark.parametrize("status", [0x0110, 0x0124, 0x0210, 0xA700, 0xA800, 0xB000, 0xD000, 0xFF00])
def test_a_failure_that_may_be_the_destinations(status):
    assert not blames_object(status)


@pytest.mark.parametrize(
    ("error", "status", "comment"),
    [
        (SpoolFullError("/secret/path is full"), 0xA700, "the spool is full"),
        (SpoolError("cannot write /secret/path"), 0xA700, "the spool cannot be written"),
        (ValueError("Doe^Jane"), 0x0110, "internal error"),
    ],
)
def test_the_sender_is_told_what_to_do_and_nothing_of_our_inside(error, status, comment):
    assert refusal(error) == Answer(status, comment)


def test_a_comment_fits_its_vr():
    assert len(answer(0xC000, "x" * 100).ErrorComment) == 64
    assert "ErrorComment" not in answer(0x0000)
    assert len(Answer(0xC000, "x" * 100).comment) == 64


def test_a_comment_from_the_network_is_escaped():
    assert describe(0xC000, "\x1b[2J\nerror") == r"status 0xC000 Cannot Understand: \x1b[2J\nerror"
    assert describe(0x0000) == "status 0x0000"
