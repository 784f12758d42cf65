"""What a live reader is told, and how an answer's head leaves with its body."""

import json

from tallymill.statistics.answers import View
from tallymill.web.live import Reader, frame
from tallymill.web.protocol import WholeHead


class Wire:
    """A transport that keeps what is written."""

    def __init__(self):
        self.written = []
        self.closed = False

    def write(self, data):
        self.written.append(data)

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


def view(name, value):
    return View(
        name=name,
        stream="s",
        kind="count",
        value=value,
        events=1,
        updated_at=None,
        as_of={0: 1},
        lag=0,
    )


def test_a_frame_is_one_event_whatever_its_text_holds():
    piece = frame("statistic", view("a", "line\nbreak\r\ndata: x\u2028"))

    lines = piece.decode().split("\n")
    assert [line.partition(":")[0] for line in lines] == ["event", "data", "", ""]
    assert json.loads(lines[1].removeprefix("data: "))["value"].startswith("line\n")


def test_a_slow_reader_gets_the_latest_of_what_it_missed():
    reader = Reader({"a": b"a1", "b": b"b1"})
    for number in range(2, 1000):
        reader.offer({"a": b"a%d" % number})

    assert reader.take() == b"a999b1"
    assert not reader.wake.is_set()


def test_a_reader_that_leaves_is_woken():
    reader = Reader({})
    assert not reader.wake.is_set()

    reader.leave()

    assert reader.wake.is_set()
    assert reader.is_gone


def test_a_head_leaves_with_its_body_and_the_rest_as_it_comes():
    wire = Wire()
    whole = WholeHead(wire)

    for piece in (b"HTTP/1.1 100 Continue", b"HTTP/1.1 200 OK", b"body", b"more"):
        whole.write(piece)

    assert wire.written == [b"HTTP/1.1 100 Continue", b"HTTP/1.1 200 OKbody", b"more"]


def test_a_head_without_a_body_leaves_at_the_end():
    wire = Wire()
    whole = WholeHead(wire)
    whole.write(b"HTTP/1.1 204 No Content")

    whole.close()

    assert wire.written == [b"HTTP/1.1 204 No Content"]
    assert whole.is_closing()
