"""Server-sent events against the WHATWG text: whatever the line ends and the cuts."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tallymill.kernel.errors import TooLarge
from tallymill.live import frames
from tallymill.live.frames import SseEvent, SseReader, sse_frame, sse_mark

LINE_ENDS = st.sampled_from(["\n", "\r", "\r\n"])
NAMES = st.sampled_from(
    ["data", "event", "id", "retry", "", "Data", "data ", "x", "\ufeffdata", "id\0"]
)
VALUES = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=8)
LINES = st.one_of(
    st.just(""),
    st.builds("{}:{}".format, NAMES, VALUES),
    st.builds("{}: {}".format, NAMES, VALUES),
    st.sampled_from(["data", "id", "event", ":comment", "retry: 1500", "retry: 1x"]),
    VALUES,
)
STREAMS = st.builds(
    lambda bom, lines: bom + "".join(line + end for line, end in lines),
    st.sampled_from(["", "\ufeff", "\ufeff\ufeff"]),
    st.lists(st.tuples(LINES, LINE_ENDS), max_size=25),
)


def by_the_standard(text):  # noqa: C901, PLR0912 - the standard's steps, in its order
    """Section 9.2.6 word by word, over the whole text: (events, last id, retry)."""
    text = text.removeprefix("\ufeff")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    data = kind = last_id = last_id_buffer = ""
    retry, events = None, []
    for line in lines[:-1]:  # what no line end follows is discarded
        if line == "":
            last_id = last_id_buffer
            if data == "":
                kind = ""
                continue
            data = data.removesuffix("\n")
            events.append(SseEvent(kind or "message", data, last_id))
            data = kind = ""
        elif line.startswith(":"):
            continue
        else:
            field, colon, value = line.partition(":")
            if colon and value.startswith(" "):
                value = value[1:]
            if field == "event":
                kind = value
            elif field == "data":
                data += value + "\n"
            elif field == "id" and "\0" not in value:
                last_id_buffer = value
            elif field == "retry" and value and set(value) <= set("0123456789"):
                retry = int(value)
    return events, last_id, retry


def read(reader, pieces):
    return [event for piece in pieces for event in reader.feed(piece)]


@given(text=STREAMS, cuts=st.lists(st.integers(0, 400), max_size=20))
@example("data: a\r\n\r\n", [8])
@example("\ufeffdata: a\n\n", [1, 2])
@example("id: 1\0\ndata\n\n", [])
@example("data:\n\n", [])
@example("event: x\n\ndata: y\n\n", [])
@example("id\ndata: a\n\n", [])
def test_the_reader_does_what_the_standard_says(text, cuts):
    """
    Servers, proxies and the network cut and end lines as they like.
    """
    raw = text.encode()
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    pieces = [raw[a:b] for a, b in pairwise(edges)]
    reader = SseReader()

    events = read(reader, pieces)

    assert (events, reader.last_event_id, reader.retry_ms) == by_the_standard(text)


@given(raw=st.binary(max_size=200))
def test_bytes_that_are_no_text_become_replacement_characters(raw):
    """
    The standard decodes and never fails; a reader must not, either.
    """
    stream = b"data: " + raw.translate(None, b"\r\n") + b"\n\n"

    events = read(SseReader(), [stream[i : i + 1] for i in range(len(stream))])

    expected, *_ = by_the_standard(stream.decode("utf-8", "replace"))
    assert events == expected


@given(
    data=st.text(st.characters(codec="utf-8"), max_size=60),
    kind=st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=5),
    position=st.text(
        st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=9
    ),
    retry_ms=st.integers(0, 10**9),
)
@example(data="", kind="", position="", retry_ms=0)
@example(data="\n", kind=" x", position=" 1", retry_ms=0)
@example(data=": a\r\r\nid: 2\n", kind="gap", position="a", retry_ms=7)
def test_what_the_writer_writes_the_reader_reads(data, kind, position, retry_ms):
    """
    Only a line end changes its form: CR and CRLF come back as LF.
    """
    reader = SseReader()

    events = read(
        reader,
        [
            sse_frame(
                data.encode(),
                kind=kind.encode(),
                position=position.encode(),
                retry_ms=retry_ms,
            )
        ],
    )

    lines_ended = data.replace("\r\n", "\n").replace("\r", "\n")
    assert events == [SseEvent(kind or "message", lines_ended, position)]
    assert reader.retry_ms == retry_ms


def test_a_mark_moves_the_last_id_and_dispatches_nothing():
    """
    A reader whose events are rare must not come back with an old position.
    """
    reader = SseReader("old")

    events = read(reader, [sse_mark(comment=b"heartbeat", position=b"new")])

    assert events == []
    assert reader.last_event_id == "new"


def test_an_id_counts_once_its_event_is_complete():
    """
    A connection cut within an event must get that event again.
    """
    reader = SseReader()

    read(reader, [b"id: 1\ndata: a\n\nid: 2\ndata: b\n"])

    assert reader.last_event_id == "1"


def test_an_event_without_end_is_refused(monkeypatch):
    """
    A server that never ends a line must not fill the reader's memory.
    """
    monkeypatch.setattr(frames, "EVENT_BYTES_MOST", 100)
    reader = SseReader()

    with pytest.raises(TooLarge, match="100 bytes"):
        read(reader, [b"data: " + b"x" * 60] * 2)
