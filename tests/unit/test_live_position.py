"""Positions: what may be one, and where a reader goes on that stood at one."""

import pytest

from tallymill.kernel.errors import Malformed
from tallymill.live.position import Cursor, Position, parse_position
from tallymill.live.resume import AHEAD, NO_LONGER_KEPT, OTHER_DATABASE, resume

EPOCH = "5f3a9c01b2d4"


def position(*offsets, epoch=EPOCH):
    return Position(epoch, offsets)


class TestParsing:
    def test_a_cursors_text_is_its_position(self):
        """
        What was sent as an id comes back as Last-Event-ID.
        """
        cursor = Cursor(EPOCH, [0, 17, 4])
        cursor.move(0, 12)

        assert cursor.text() == b"5f3a9c01b2d4-12.17.4"
        assert parse_position(cursor.text().decode(), named="after") == position(
            12, 17, 4
        )

    @pytest.mark.parametrize(
        "text",
        [
            "garbage",
            EPOCH,
            f"{EPOCH}-",
            f"{EPOCH}-1.",
            f"{EPOCH}-1..2",
            f"{EPOCH}--1",
            f"{EPOCH}-1.-2",
            f"{EPOCH}-1.2\n",
            f"{EPOCH}-9999999999999999999",
            f"{EPOCH}-" + "9" * 5000,
            f"{EPOCH}-" + ".".join(["1"] * 2000),
            "5F3A-1.2",
            "5f3a-\u0661.2",
            "\0",
            "' OR 1=1",
        ],
    )
    def test_garbage_is_refused_with_its_place(self, text):
        """
        Taken as a position, it would quietly lose or repeat events.
        """
        with pytest.raises(Malformed) as refused:
            parse_position(text, named="Last-Event-ID")

        assert refused.value.faults[0].pointer == "Last-Event-ID"
        assert len(refused.value.detail) < 400


class TestResuming:
    def test_it_goes_on_where_it_stood(self):
        """
        The usual reconnect.
        """
        start = resume(position(3, 5), epoch=EPOCH, floors=[0, 0], heads=[9, 5])

        assert start.offsets == (3, 5)
        assert start.gap is None

    def test_what_is_no_longer_kept_is_a_gap_with_its_bounds(self):
        """
        The reader is told what it does not get, and gets the rest.
        """
        start = resume(position(3, 5), epoch=EPOCH, floors=[7, 0], heads=[9, 5])

        assert start.offsets == (7, 5)
        assert start.gap.reason == NO_LONGER_KEPT
        assert [(h.shard_id, h.first, h.end) for h in start.gap.holes] == [(0, 3, 7)]
        assert start.gap.resumed == f"{EPOCH}-7.5"

    def test_a_position_of_the_future_is_a_gap_and_goes_on_from_now(self):
        """
        A restored backup is behind its readers.
        """
        start = resume(position(30, 5), epoch=EPOCH, floors=[0, 0], heads=[9, 6])

        assert start.offsets == (9, 5)
        assert start.gap.reason == AHEAD
        assert [(h.first, h.end) for h in start.gap.holes] == [(30, 9)]

    def test_another_databases_position_is_a_gap_without_bounds(self):
        """
        Its numbers mean other events.
        """
        start = resume(
            position(3, 5, epoch="abcd"), epoch=EPOCH, floors=[0, 0], heads=[9, 6]
        )

        assert start.offsets == (9, 6)
        assert start.gap.reason == OTHER_DATABASE
        assert (start.gap.after, start.gap.resumed) == ("abcd-3.5", f"{EPOCH}-9.6")
        assert start.gap.holes == ()

    def test_a_shard_that_it_does_not_know_is_read_from_its_beginning(self):
        """
        It was empty when the reader was last here.
        """
        start = resume(position(3), epoch=EPOCH, floors=[0, 0], heads=[9, 6])

        assert start.offsets == (3, 0)
        assert start.gap is None

    def test_shards_that_are_no_more_are_forgotten(self):
        """
        There is nothing to read of them.
        """
        start = resume(position(3, 4, 5), epoch=EPOCH, floors=[0], heads=[9])

        assert start.offsets == (3,)
