"""One message, three ways of writing it."""

import json

import pytest

from tallymill.live.dialects import (
    JsonMessages,
    ServerSentEvents,
    json_line,
    text_frame,
)
from tallymill.live.frames import SseReader
from tallymill.live.model import Gap, Hole
from tallymill.live.spread import SOONEST_MS, WINDOW_MOST_MS, retry_ms, window_ms

GAP = Gap(reason="gone", after="ab-1", resumed="ab-5", holes=(Hole(0, 1, 5),))
NDJSON = JsonMessages(json_line)
SSE = ServerSentEvents()


def test_an_event_is_one_line_of_ndjson_whatever_white_space_it_has():
    """
    A reader splits at line ends before it knows JSON.
    """
    line = NDJSON.event(b"ab-1", b'{"data":{"a":\r\n1,"b":"\\n"}}')

    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "type": "event",
        "position": "ab-1",
        "data": {"a": 1, "b": "\n"},
    }


def test_an_event_of_several_lines_comes_back_whole_over_sse():
    """
    Each line gets a field of its own.
    """
    frame = SSE.event(b"ab-1", b'{"data":{"a":\r\n1}}')

    (event,) = SseReader().feed(frame)

    assert json.loads(event.data) == {"data": {"a": 1}}
    assert (event.type, event.id) == ("message", "ab-1")


def test_both_say_the_same_of_a_gap():
    """
    The bounds are in all dialects.
    """
    (event,) = SseReader().feed(SSE.gap(GAP))
    line = json.loads(NDJSON.gap(GAP))

    told = json.loads(event.data)
    assert (event.type, event.id) == ("gap", "ab-5")
    assert told["holes"] == [{"shard_id": 0, "first": 1, "end": 5}]
    assert line == {"type": "gap", "position": "ab-5", **told}


def test_a_farewell_carries_the_readers_own_wait():
    """
    A browser obeys `retry`, and nothing else.
    """
    reader = SseReader()

    (event,) = reader.feed(SSE.farewell("Good bye.", 1234, 5000))

    assert event.type == "farewell"
    assert reader.retry_ms == 1234
    assert json.loads(event.data)["spread_ms"] == 5000


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 100_000])
def test_a_websocket_frame_says_its_length_as_the_standard_has_it(size):
    """
    RFC 6455 has three forms of length, and asks for the shortest.
    """
    frame = text_frame(b"x" * size)

    assert frame[0] == 0x81
    if size < 126:
        assert frame[1:2] == bytes([size])
    elif size < 65536:
        assert frame[1:4] == b"\x7e" + size.to_bytes(2, "big")
    else:
        assert frame[1:10] == b"\x7f" + size.to_bytes(8, "big")
    assert frame.endswith(b"x" * size)


class TestSpread:
    def test_the_window_grows_with_the_readers_up_to_a_minute(self):
        """
        Ten come back soon; ten thousand must not come at once.
        """
        windows = [window_ms(readers) for readers in (1, 10, 5000, 20_000, 10**6)]

        assert windows == [2000, 2000, 5000, 20_000, WINDOW_MOST_MS]

    def test_five_thousand_waits_are_spread_evenly_over_the_window(self):
        """
        Whoever restarts a server is met by a stream of readers, not by a wall.
        """
        waits = [retry_ms(5000, number / 5000) for number in range(5000)]

        slots = [0] * 50
        for wait in waits:
            slots[(wait - SOONEST_MS) * 50 // window_ms(5000)] += 1
        assert min(slots) >= 90
        assert max(slots) <= 110
